#!/usr/bin/env python3
"""Writes tokenizer-tiny/: a byte-level BPE tokenizer with the structure of Qwen's and 2,000 entries.

Plain Python, no packages, deterministic: the same script gives the same bytes. The vocabulary is the 256 byte
symbols, then one token per merge learned from WORDS below, then the special tokens as added tokens.
Run it from any folder: python3 golden/make_tokenizer.py
"""

import json
import pathlib
from collections import Counter

SIZE = 2000
SPECIAL = """<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|>
<|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|>""".split()
PLAIN = """<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|>
<tool_response> </tool_response> <think> </think>""".split()
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}"
    "{%- endif %}"
    "{%- endif %}")

# English words, most frequent first within a line; the line's first item is the weight of the line.
ENGLISH = """
60 the a of and in on with to at is an by from for as it its are that this
40 user assistant system think image photo picture portrait light color background style detail woman man girl boy
30 standing sitting walking running looking holding wearing smiling flying swimming reading painting drawing shining
30 painting sketch watercolor illustration landscape city street house mountain river forest ocean beach sunset sunrise
25 cat dog bird horse fox bear wolf lion tiger fish butterfly dragon rabbit deer owl elephant penguin turtle frog bee
25 red orange yellow green blue purple pink white black brown golden silver gray dark bright warm cool soft vivid pale
25 young old small large tall short long wide narrow round square beautiful elegant ancient modern simple complex quiet
20 sky cloud rain snow storm fog wind sun moon star night day morning evening winter spring summer autumn season weather
20 camera lens focus depth field shot close angle view aerial macro film grain exposure shutter aperture bokeh composition
20 cinematic realistic photorealistic detailed highly resolution quality masterpiece sharp professional studio lighting
18 face eyes hair skin hand hands smile expression dress shirt hat coat shoes jacket scarf glasses necklace crown sword
18 table chair window door wall floor room kitchen garden park bridge tower castle temple church market shop restaurant
18 tree flower grass leaf rose lotus bamboo cherry blossom field hill valley lake waterfall island desert stone sand
15 car train boat ship airplane bicycle motorcycle rocket robot spaceship astronaut planet galaxy space future fantasy
15 food bread cake coffee tea wine apple lemon strawberry noodles rice soup bowl plate cup glass bottle knife spoon
15 text sign letter word poster cover logo title book page says reading written neon banner newspaper typography font
15 wooden metal glass paper silk leather marble gold bronze ceramic concrete velvet cotton crystal transparent shiny rusty
12 front behind beside above below under over between inside outside through around across near far left right center top
12 texture pattern shadow reflection contrast silhouette gradient symmetry perspective abstract minimal surreal vintage
12 oil acrylic pencil charcoal ink brush canvas digital anime cartoon comic pixel render isometric poly origami clay mosaic
10 chinese japanese indian african european american traditional calligraphy lantern kimono pagoda pavilion palace emperor
10 one two three four five six seven eight nine ten many several few some each every both other another same
10 happy sad angry calm mysterious dreamy romantic gloomy joyful peaceful lonely dramatic epic cozy festive delicate
10 children people crowd couple family friend king queen princess warrior knight wizard witch scientist artist musician
10 playing dancing singing cooking eating drinking sleeping jumping climbing riding driving fishing writing laughing
8 very more most less only also while where when which who their his her they she he has have not but or into
8 water fire earth air ice smoke steam dust mist glow spark flame wave ripple splash bubble feather fur scale horn wing
8 tokenization unbelievable international photography architecture environment atmosphere illumination transformation
"""

# Chinese phrases; the same form.
CHINESE = """
40 的 一 在 是 了 和 有 上 中 下 里 着 与 个 只 位
30 图片 照片 画面 风格 背景 光线 颜色 细节 女孩 男孩 女人 男人 老人 孩子 人物 肖像
25 一个 一只 一位 一幅 一张 一座 一条 一片 一束 一群 一杯 一本
25 红色 橙色 黄色 绿色 蓝色 紫色 粉色 白色 黑色 棕色 金色 银色 灰色 明亮 黑暗 温暖 柔和
20 天空 云朵 下雨 雪景 太阳 月亮 星空 夜晚 早晨 黄昏 日落 日出 春天 夏天 秋天 冬天
20 山水 河流 森林 大海 沙滩 湖泊 瀑布 城市 街道 房屋 花园 桥梁 宫殿 寺庙 亭子 灯笼
20 小猫 小狗 小鸟 骏马 狐狸 老虎 金鱼 蝴蝶 巨龙 凤凰 兔子 熊猫
15 水墨画 油画 素描 插画 动漫 摄影 电影 海报 书法 剪纸 国画 像素 渲染
15 微笑 站立 坐着 行走 奔跑 看着 拿着 穿着 飞翔 阅读 跳舞 唱歌
12 汉服 旗袍 长发 短发 眼睛 帽子 眼镜 裙子 衬衫 外套 宝剑 雨伞
12 高清 写实 特写 远景 近景 俯视 仰视 景深 构图 质感 对比 倒影 阴影 逆光
10 文字 写着 招牌 标题 霓虹 咖啡 茶杯 面条 米饭 苹果 樱花 荷花 竹子 梅花 玫瑰
10 未来 科幻 机器人 宇航员 飞船 星球 古代 传统 现代 神秘 梦幻 浪漫 宁静
"""

# Runs that are no words: indentation, line ends, punctuation, contractions, endings, digits' neighbours.
OTHER = """
40 ␣␣ ␣␣␣␣ ␣␣␣␣␣␣␣␣ ␤␤ ␤ ␣␤ .␤ ,␤ :␤
25 's 't 're 've 'm 'll 'd ... -- == () [] {} "" '' :: // ## ** !! ?? ␣( ␣[ ␣{ ␣" ␣- ␣= ␣: ); ")
20 ， 。 ！ ？ 、 ： ； “ ” （ ） 《 》 … — ，␤ 。␤
12 é è ü ö ä ñ ç ß å ø · ° € £ → ★ ♥ ✨ 😀 🎨 🌸 🐱 あ い う え お の は を に カ ン ア 한 국 어 Ж а е и о न त र ा ก า
6 http https www com html json def return class import print null true false int string void public static
"""


def byte_symbols():
    """GPT-2's printable stand-ins: byte value -> character."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    symbols = {value: chr(value) for value in printable}
    for value in range(256):
        if value not in symbols:
            symbols[value] = chr(0x100 + len(symbols) - len(printable))
    return symbols


def training_words():
    """Pieces as the split pattern makes them, with their weights."""
    words = Counter()
    for block, spaced in ((ENGLISH, True), (CHINESE, False), (OTHER, False)):
        for line in block.strip().splitlines():
            weight, *items = line.split(" ")
            for item in items:
                text = item.replace("␣", " ").replace("␤", "\n")
                words[text] += int(weight)
                if spaced:
                    words[" " + text] += 4 * int(weight)
                    words[text.capitalize()] += max(1, int(weight) // 3)
    return words


def learn_merges(count):
    """The `count` most frequent pairs, one after the other; ties go to the pair that sorts first."""
    symbols = byte_symbols()
    words = [([symbols[b] for b in text.encode()], weight) for text, weight in training_words().items()]
    merges, known = [], set(symbols.values())
    while len(merges) < count:
        pairs = Counter()
        for parts, weight in words:
            for pair in zip(parts, parts[1:]):
                pairs[pair] += weight
        if not pairs:
            raise SystemExit(f"The word list gives only {len(merges)} merges of {count}.")
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        for parts, _ in words:
            i = 0
            while i + 1 < len(parts):
                if (parts[i], parts[i + 1]) == best:
                    parts[i:i + 2] = [best[0] + best[1]]
                i += 1
        # A token that two different merges make gets one id, as in every BPE vocabulary.
        merges.append(best)
        if best[0] + best[1] in known:
            count += 1
        known.add(best[0] + best[1])
    return merges


def main():
    added = SPECIAL + PLAIN
    merges = learn_merges(SIZE - 256 - len(added))
    order = sorted(byte_symbols().values())
    # Ids 0 to 255 as in GPT-2 and Qwen: printable bytes first, then the stand-ins.
    vocab = {symbol: i for i, symbol in enumerate(order)}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False)
    tokens = [dict(id=len(vocab) + i, content=text, **flags, special=text in SPECIAL) for i, text in enumerate(added)]
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=False, use_regex=False)
    split = dict(type="Split", pattern=dict(Regex=PATTERN), behavior="Isolated", invert=False)
    tokenizer = dict(
        version="1.0", truncation=None, padding=None, added_tokens=tokens, normalizer=dict(type="NFC"),
        pre_tokenizer=dict(type="Sequence", pretokenizers=[split, byte_level]),
        post_processor=byte_level, decoder=byte_level,
        model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix="", end_of_word_suffix="",
                   fuse_unk=False, byte_fallback=False, ignore_merges=False, vocab=vocab, merges=[list(m) for m in merges]))
    config = dict(
        add_bos_token=False, add_prefix_space=False,
        added_tokens_decoder={str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in tokens},
        additional_special_tokens=SPECIAL[1:], bos_token=None, chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False, eos_token="<|im_end|>", errors="replace", model_max_length=131072,
        pad_token="<|endoftext|>", split_special_tokens=False, tokenizer_class="Qwen2Tokenizer", unk_token=None)

    folder = pathlib.Path(__file__).resolve().parent / "tokenizer-tiny"
    folder.mkdir(exist_ok=True)
    for name, content, indent in (("tokenizer.json", tokenizer, None), ("tokenizer_config.json", config, 2)):
        text = json.dumps(content, ensure_ascii=False, indent=indent, separators=(",", ":") if indent is None else None)
        (folder / name).write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"{len(vocab)} vocabulary entries, {len(merges)} merges, {len(tokens)} added tokens")


if __name__ == "__main__":
    main()
