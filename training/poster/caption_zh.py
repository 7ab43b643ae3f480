"""Chinese wording of captions."""

from __future__ import annotations

import random

from .caption import B_DIRECTION, B_STATED, COLOR, KIND, PLACE, SIZE, T_COLOR, T_PLACE, T_STRING, Plan, is_latin
from .scene import ABOVE, LEFT_OF, SAME, Scene, Shape

# Without 色; the second and later ones are rarer. Names of two characters are only used with 色.
COLORS = [("红",), ("橙", "橙", "橘"), ("黄",), ("绿",), ("青", "青", "青", "天蓝"), ("蓝",), ("紫",), ("粉", "粉", "粉红"), ("棕", "棕", "褐"), ("黑",), ("白",), ("灰",)]
KINDS = [("圆形", "圆形", "圆形", "圆", "圆点"), ("正方形", "正方形", "方块", "方形"), ("三角形", "三角形", "三角形", "三角"),
         ("五角星", "星星", "五角星", "星形", "星"), ("心形", "爱心", "心形", "心", "桃心"), ("圆环", "圆环", "环形", "环"), ("十字", "十字", "十字形", "加号"),
         ("月牙", "月牙", "弯月", "月亮", "新月"), ("菱形",), ("六边形", "六边形", "正六边形")]
SIZES = [("小", "小", "小的", "小小的", "很小的", "小号的", "小型", "迷你"), ("中等大小的", "中号的", "中等", "中等的", "不大不小的"), ("大", "大", "大的", "大大的", "很大的", "巨大的", "大号的", "大型")]
PLACES = [
    ("左上角", "左上角", "左上方", "左上", "左上部", "左上边"), ("上方", "顶部", "上方中间", "上面", "上部", "正上方", "顶部中间", "上边", "顶端", "上方中央"),
    ("右上角", "右上角", "右上方", "右上", "右上部", "右上边"), ("左边", "左侧", "左边", "左面", "左方", "左边中间", "左侧中间", "正左方", "左半边"),
    ("中间", "中央", "正中", "中心", "正中间", "正中央", "中部", "正中心"), ("右边", "右侧", "右边", "右面", "右方", "右边中间", "右侧中间", "正右方", "右半边"),
    ("左下角", "左下角", "左下方", "左下", "左下部", "左下边"), ("下方", "底部", "下方中间", "下面", "下部", "正下方", "底部中间", "下边", "底端", "下方中央"),
    ("右下角", "右下角", "右下方", "右下", "右下部", "右下边")]
TEXT_PLACES = [("顶部", "上方", "上方", "上部", "最上面", "最上方", "顶端", "上边"), ("中间", "中央", "正中", "中部", "正中间", "正中央", "中心"),
               ("底部", "下方", "下方", "下部", "最下面", "最下方", "底端", "下边", "底下")]
PREFIXES = ("一张海报,", "一张海报，", "海报：", "海报，", "一张海报：", "画一张海报，", "生成一张海报：", "一幅海报，", "扁平风格海报，", "扁平海报：", "一张图片，",
            "一张扁平设计的海报，", "画一个海报，", "简约海报，", "请画一张海报：", "图中有", "画面上有", "海报上有", "画", "一幅画，")
CANVAS = ("画面", "画面", "海报", "图片", "图")


def _pick(rng: random.Random, values):
    return values[int(rng.random() * len(values))]


def _color(rng: random.Random, i: int, suffix: float = 0.9) -> str:
    """Colour name, with 色 at the given rate."""
    name = _pick(rng, COLORS[i])
    return name + "色" if len(name) > 1 or rng.random() < suffix else name


def _place(rng: random.Random, place: int) -> str:
    s = PLACES[place][0] if rng.random() < 0.25 else _pick(rng, PLACES[place])
    return _pick(rng, CANVAS) + _pick(rng, ("", "", "的")) + s if rng.random() < 0.1 else s


def _measure(rng: random.Random, s: Shape, bits: int) -> str:
    if bits & KIND and KINDS[s.kind][0] in ("五角星", "心形") and rng.random() < 0.3:
        return "颗"
    if bits & KIND and KINDS[s.kind][0] == "月牙" and rng.random() < 0.3:
        return _pick(rng, ("轮", "弯"))
    return "个"


def _noun(rng: random.Random, s: Shape, bits: int) -> str:
    """Size, colour and kind."""
    r = rng.random
    kind = _pick(rng, KINDS[s.kind]) if bits & KIND else _pick(rng, ("图形", "形状", "图案"))
    size = _pick(rng, SIZES[s.size]) if bits & SIZE else ""
    if not bits & COLOR:
        return size + kind
    u = r()
    if u < 0.06 and not size:
        return _color(rng, s.color, 0.3) + kind
    color = _color(rng, s.color, 0.94)
    if color[-1] != "色":
        color += "色" if size else ""
    tie = "的" if r() < 0.6 else ""
    if size and u < 0.5:
        return f"{size}{color}{tie}{kind}" if size[-1] == "的" or r() < 0.4 else f"{size}的{color}{tie}{kind}" if len(size) > 1 else f"{color}的{size}{kind}"
    if size:
        return f"{color}的{size}{kind}" if r() < 0.6 else f"{color}{size}{kind}"
    return f"{color}{tie}{kind}"


def _quote(rng: random.Random, s: str) -> str:
    u = rng.random()
    if u < 0.48:
        return f"“{s}”"
    if u < 0.68:
        return f'"{s}"'
    if u < 0.77:
        return f"'{s}'"
    if u < 0.91:
        return f"「{s}」"
    if u < 0.96:
        return f"‘{s}’"
    return f"『{s}』"


def _text(rng: random.Random, scene: Scene, bits: int) -> str:
    """The text with its place and colour, as a clause."""
    t, r = scene.text, rng.random
    q = _quote(rng, t.string)
    color = _color(rng, t.color, 0.95) if bits & T_COLOR else ""
    place = _pick(rng, TEXT_PLACES[t.place]) if bits & T_PLACE else ""
    if is_latin(t.string):
        noun = "数字" if t.string.isdigit() and r() < 0.6 else _pick(rng, ("字母", "文字", "单词", "标题", "文字", "字样", "英文"))
    else:
        noun = _pick(rng, ("文字", "文字", "标题", "汉字", "字样", "大字", "字"))
    verb = _pick(rng, ("写着", "写着", "写着", "写有", "印着", "有文字", "是文字"))
    u = r()
    if u < 0.34:
        if verb in ("有文字", "是文字"):
            return f"{place}{verb[0]}{color + '的' if color else ''}文字{q}"
        lead = place or _pick(rng, ("", "", "上面", "海报上", "图上"))
        if color and r() < 0.4:
            return f"{lead}用{color}{_pick(rng, ('字', '', '文字', '字体'))}{verb}{q}"
        return f"{lead}{verb}{color + '的' if color else ''}{q}{'字样' if r() < 0.12 else ''}"
    if u < 0.56:
        return f"{color + _pick(rng, ('的', '')) if color else ''}{noun if noun != '字样' else '文字'}{_pick(rng, ('', '', '：', '是', '为') if not place else ('',))}{q}{_pick(rng, ('在', '位于', '放在')) + place if place else ''}"
    if u < 0.72:
        return f"{place + _pick(rng, ('是', '有', '的', '：', '为')) if place else ''}{color + _pick(rng, ('的', '')) if color else ''}{noun if noun != '字样' else '文字'}{q}"
    if u < 0.82:
        return f"{place + _pick(rng, ('是', '有')) if place else _pick(rng, ('', '有'))}{color + '的' if color else ''}{q}{_pick(rng, ('字样', '几个字' if len(t.string) > 1 else '字', '字样', '文字'))}"
    if u < 0.92:
        return f"{q}写在{place or '海报上'}{'，' + _pick(rng, ('颜色是', '', '字是')) + color if color else ''}"
    return f"{noun}{q}{'，' + color if color else ''}{'，' + _pick(rng, ('在', '位于', '')) + place if place else ''}"


def _background(rng: random.Random, scene: Scene, bits: int) -> str:
    """The background as a clause."""
    r = rng.random
    clash = {scene.first, scene.second} == {0, 7}      # 粉 beside 红 would read as 粉红, pink
    c0, c1 = (_color(rng, c, 1.0 if clash else 0.9) for c in (scene.first, scene.second))
    ground = _pick(rng, ("背景",) * 5 + ("底", "底色"))
    if scene.background == 0:
        c = c0 if c0[-1] == "色" else c0 + "色"
        return _pick(rng, (f"{c}背景", f"{c}背景", f"{c}的背景", f"背景是{c}", f"背景为{c}", f"{ground}是{c}的", f"纯{c}背景", f"背景{c}", f"背景是纯{c}", f"{c}底", f"{c0}底"))
    told, d = bits & B_DIRECTION, scene.direction
    if scene.background == 1:
        if told:
            ends = _pick(rng, (("左", "右"), ("左边", "右边"), ("左侧", "右侧"))) if d == 0 else _pick(rng, (("上", "下"), ("上方", "下方"), ("上面", "下面"), ("顶部", "底部")))
            run = _pick(rng, ("从左到右", "从左往右", "自左向右")) if d == 0 else _pick(rng, ("从上到下", "从上往下", "自上而下"))
            name = _pick(rng, ("水平", "横向")) if d == 0 else _pick(rng, ("垂直", "纵向", "竖向"))
            return _pick(rng, (f"{run}{_pick(rng, ('由', '从', ''))}{c0}{_pick(rng, ('到', '渐变到', '变为'))}{c1}的渐变{_pick(rng, ('背景', '', '背景'))}",
                               f"背景{run}从{c0}渐变到{c1}", f"背景是{run}的渐变，从{c0}到{c1}", f"从{ends[0]}{c0}到{ends[1]}{c1}的渐变背景", f"{name}渐变背景，从{c0}到{c1}",
                               f"{c0}到{c1}的{name}渐变", f"渐变背景，{ends[0]}{c0}，{ends[1]}{c1}", f"背景是{c0}到{c1}的{name}渐变"))
        return _pick(rng, (f"从{c0}到{c1}的渐变", f"从{c0}到{c1}的渐变背景", f"{c0}到{c1}的渐变背景", f"{c0}渐变到{c1}的背景", f"背景从{c0}渐变到{c1}", f"{c0}{c1}渐变背景",
                           f"渐变背景，从{c0}到{c1}", f"背景是{c0}到{c1}的渐变", f"由{c0}到{c1}的渐变"))
    if r() < 0.5:
        c0, c1 = c1, c0
    name = _pick(rng, (("横", "横向", "水平"), ("竖", "竖向", "垂直", "纵向"), ("斜", "斜向", "对角"))[d]) if told else ""
    tie = "的" if len(name) > 1 else ""
    x, y = c0, c1
    if not clash and r() < 0.45 and len(x.rstrip("色")) == 1 and len(y.rstrip("色")) == 1:
        both = x.rstrip("色") + y.rstrip("色") + _pick(rng, ("", "", "相间的", "相间"))
    else:
        x, y = (v if v[-1] == "色" else v + "色" for v in (x, y))
        both = f"{x}{_pick(rng, ('和', '与', '', '和'))}{y}{_pick(rng, ('', '的', '相间的', '的'))}"
    stripe = f"{name}{_pick(rng, ('条纹', '条纹', '条纹', '条')) if name else '条纹'}"
    return _pick(rng, (f"{both}{stripe}", f"{both}{stripe}背景", f"背景是{both}{stripe}", f"{stripe}背景，{x}和{y}", f"{both}{name}{tie}条纹背景", f"{both}{name}{tie}条纹",
                       f"{name}{tie}条纹，{x}{y}相间", f"背景为{both}{name}{tie}条纹"))


def _alone(rng: random.Random, phrase: str, measure: str, place: str) -> str:
    """A thing with its place as a clause; `measure` is "一个" or the like."""
    r = rng.random
    if not place:
        return _pick(rng, (phrase, measure + phrase, measure + phrase, f"有{measure}{phrase}"))
    return _pick(rng, (f"{place}有{measure}{phrase}", f"{place}有{measure}{phrase}", f"{phrase}在{place}", f"{measure}{phrase}在{place}", f"{phrase}位于{place}", f"{place}是{measure}{phrase}",
                       f"{place}的{phrase}", f"{place}{measure}{phrase}", f"{place}{_pick(rng, ('：', ''))}{phrase}", f"{measure}{phrase}，在{place}", f"{phrase}放在{place}", f"{measure}{phrase}位于{place}",
                       f"{phrase}{place}" if r() < 0.3 else f"{place}放{measure}{phrase}", f"在{place}有{measure}{phrase}"))


def _things(rng: random.Random, scene: Scene, p: Plan) -> list[str]:
    shapes, bits, r = scene.shapes, p.shapes, rng.random

    def np(i: int, count: float) -> str:
        s = _noun(rng, shapes[i], bits[i])
        return f"一{_measure(rng, shapes[i], bits[i])}{s}" if r() < count else s

    if p.relation == SAME:
        n = len(shapes)
        phrase = f"{_pick(rng, ('两', '两', '2') if n == 2 else ('三', '三', '3'))}个{_noun(rng, shapes[0], bits[0])}"
        if not bits[0] & PLACE:
            return [_pick(rng, (phrase, "有" + phrase))]
        row = shapes[0].place // 3 == shapes[1].place // 3
        line = _pick(rng, (("上方", "顶部"), ("中间", "中部"), ("下方", "底部"))[shapes[0].place // 3]) if row else _pick(rng, (("左边", "左侧"), ("中间", "中央"), ("右边", "右侧"))[shapes[0].place % 3])
        how = _pick(rng, ("并排", "横着排成一排", "排成一行", "横排")) if row else _pick(rng, ("竖着排成一列", "排成一列", "竖排", "上下排列"))
        return [_pick(rng, (f"{phrase}在{line}{how}", f"{line}有{phrase}{how}", f"{phrase}{how}，在{line}", f"{line}{how}的{phrase}"))]
    if p.relation in (LEFT_OF, ABOVE):
        x, y = np(0, 0.4), np(1, 0.35)
        if p.relation == LEFT_OF:
            one, two = _pick(rng, ("左边", "左侧", "左边", "左面", "左方")), _pick(rng, ("右边", "右侧", "右边", "右面", "右方"))
        else:
            one, two = _pick(rng, ("上方", "上面", "上边", "正上方")), _pick(rng, ("下方", "下面", "下边", "正下方"))
        return [_pick(rng, (f"{x}在{y}{one}", f"{x}在{y}的{one}", f"{x}在{y}的{one}", f"{y}在{x}的{two}", f"{y}在{x}{two}", f"{y}{one}有{x}", f"{y}的{one}是{x}", f"{x}的{two}是{y}", f"{x}{two}有{y}",
                            f"{x}位于{y}{one}", f"{y}位于{x}的{two}"))]
    out = []
    for i, s in enumerate(shapes):
        if s.inside >= 0:
            continue
        place = _place(rng, s.place) if bits[i] & PLACE else ""
        j = next((k for k, o in enumerate(shapes) if o.inside == i), -1)
        if j < 0:
            out.append(_alone(rng, _noun(rng, s, bits[i]), f"一{_measure(rng, s, bits[i])}", place))
            continue
        x, c, into = _noun(rng, s, bits[i]), np(j, 0.6), _pick(rng, ("里面", "里", "里面", "内", "中间", "内部"))
        if place:
            out.append(_pick(rng, (f"{place}的{x}{into}有{c}", f"{place}有一个{x}，{into if into not in ('里', '内') else '里面'}有{c}", f"{c}在{place}的{x}{into}", f"{place}是一个{x}，里面是{c}")))
        else:
            out.append(_pick(rng, (f"{x}{into}有{c}", f"一个{x}，里面有{c}", f"{c}在{x}{into}", f"{c}在一个{x}{into}", f"{x}{into}是{c}", f"{x}包含{c}" if r() < 0.3 else f"{x}里有{c}")))
    if len(out) > 1 and r() < 0.5:
        rng.shuffle(out)
    return out


def write(scene: Scene, p: Plan, rng: random.Random) -> str:
    """The caption for a plan."""
    r = rng.random
    things = _things(rng, scene, p)
    if p.loose and len(things) > 1 and r() < 0.3:                   # a list behind the background
        ground = _background(rng, scene, p.background) if p.background & B_STATED else ""
        if ground:
            ground += _pick(rng, ("，", "上有") if ground.endswith(("背景", "底")) and "是" not in ground else ("，", "，有"))
        listed = _pick(rng, ("两个图形：",) if len(scene.shapes) == 2 else ("三个图形：",)) + "、".join(things[:-1]) + _pick(rng, ("、", "和")) + things[-1]
        return ground + listed + ("，" + _text(rng, scene, p.text) if p.text else "")
    comma = _pick(rng, ("，", "，", "，", "，", ",", ", ", "；", "。", " "))
    if len(things) > 1:
        if r() < 0.3 and all("，" not in t and "在" not in t for t in things):
            things = ["和".join(things)] if len(things) == 2 else ["、".join(things[:-1]) + "和" + things[-1]]
        elif len(scene.shapes) == len(things) and r() < 0.08:
            things = [_pick(rng, ("两个图形：",) if len(things) == 2 else ("三个图形：",)) + _pick(rng, ("，", "、")).join(things)]
    parts = [comma.join(things)] if things else []
    if p.background & B_STATED:
        ground = _background(rng, scene, p.background)
        u = r()
        if u < 0.12 and ground.endswith("背景") and "是" not in ground:
            ground += _pick(rng, ("上", "上有", "上，"))
            parts.insert(0, ground)
            if len(parts) > 1 and parts[1].startswith("有") and ground[-1] == "有":
                parts[1] = parts[1][1:]
            parts = ["".join(parts)] if len(parts) > 1 else [ground.rstrip("，有上")]
        else:
            parts.insert(0 if u < 0.45 else len(parts), ground)
    if p.text:
        parts.insert(int(r() * (len(parts) + 1)) if r() < 0.6 else len(parts), _text(rng, scene, p.text))
    out = comma.join(parts)
    if r() < 0.3:
        prefix = _pick(rng, PREFIXES)
        if prefix[-1] in "有画" and out[:1] != "一":
            prefix = "海报，"
        out = prefix + out
    if out[-1] not in "。”\"'」’』" and r() < 0.3 or comma == "。":
        out += "。"
    return out


def short(scene: Scene, rng: random.Random) -> tuple[str, tuple[int, ...], int, int]:
    """A caption that names one thing only, with its stated bits."""
    bits, r = [0] * len(scene.shapes), rng.random
    what = _pick(rng, ["background"] + ["text"] * (2 if scene.text else 0) + ["shape"] * (3 * len(scene.shapes)))
    if what == "text":
        if r() < 0.6:
            return _pick(rng, ("文字", "字", "文本", "字母", "汉字", "标题", "有字", "写字")), tuple(bits), 0, 0
        return _quote(rng, scene.text.string), tuple(bits), T_STRING, 0
    if what == "background":
        if scene.background == 0:
            c = _color(rng, scene.first, 1.0)
            return (f"{c}背景", tuple(bits), 0, B_STATED) if r() < 0.7 else (_pick(rng, ("纯色背景", "纯色", "海报", "一张海报")), tuple(bits), 0, 0)
        if r() < 0.6:
            return _pick(rng, ("渐变", "渐变背景", "渐变色") if scene.background == 1 else ("条纹", "条纹背景", "有条纹")), tuple(bits), 0, 0
        return _background(rng, scene, B_STATED), tuple(bits), 0, B_STATED
    i = int(r() * len(scene.shapes))
    s, u = scene.shapes[i], r()
    if u < 0.35:
        bits[i] = KIND
        caption = _pick(rng, ("", "", "一个")) + _noun(rng, s, KIND)
    elif u < 0.6:
        bits[i] = COLOR
        caption = _color(rng, s.color, 0.85) + _pick(rng, ("", "", "", "的", "图形"))
    elif u < 0.7:
        bits[i] = SIZE
        caption = _pick(rng, ("小", "中等", "大")[s.size:s.size + 1]) + _pick(rng, ("图形", "的图形", "的"))
    else:
        bits[i] = KIND | COLOR
        caption = _pick(rng, ("", "", "一个")) + _noun(rng, s, KIND | COLOR)
    return caption, tuple(bits), 0, 0
