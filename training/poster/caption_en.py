"""English wording of captions."""

from __future__ import annotations

import random

from .caption import B_DIRECTION, B_STATED, COLOR, KIND, PLACE, SIZE, T_COLOR, T_PLACE, T_STRING, Plan, is_latin
from .scene import ABOVE, LEFT_OF, SAME, Scene, Shape
from .words_en import CANVAS, COLORS, COUNTS, KINDS, LINES, NUMBERS, PLACES, PREFIXES, SIZES, TEXT_PLACES


def _pick(rng: random.Random, values):
    return values[int(rng.random() * len(values))]


def _color(rng: random.Random, i: int) -> str:
    values = COLORS[i]
    if len(values) == 1 or rng.random() < (0.5 if i == 11 else 0.85):
        return values[0]
    return values[1 + int(rng.random() * (len(values) - 1))]


def _center(rng: random.Random, s: str) -> str:
    return s.replace("centered", "centred").replace("center", "centre") if rng.random() < 0.3 else s


def _place(rng: random.Random, place: int) -> str:
    values = PLACES[place]
    s = values[0] if rng.random() < 0.15 else _pick(rng, values)
    if s[0] in "ioa" and s[-2:] != "ed" and rng.random() < 0.12:
        s += " of the " + _pick(rng, CANVAS)
    return _center(rng, s)


def a(phrase: str) -> str:
    """With the indefinite article."""
    return ("an " if phrase[0] in "aeio" else "a ") + phrase


def _noun(rng: random.Random, s: Shape, bits: int, plural: bool = False) -> str:
    """Size, colour and kind without an article."""
    r = rng.random
    kind = _pick(rng, KINDS[s.kind]) if bits & KIND else _pick(rng, ("shape", "shape", "figure", "object"))
    if kind == "round":
        kind = "round shape"
    if plural:
        kind = {"box": "boxes", "cross": "crosses", "plus": "plus signs", "rhombus": "rhombuses"}.get(kind, kind + "s")
    size = _pick(rng, SIZES[s.size]) + " " if bits & SIZE else ""
    if not bits & COLOR:
        return size + kind
    color, u = _color(rng, s.color), r()
    if u < 0.84:
        return f"{size}{color} {kind}"
    if u < 0.87:
        return f"{color} {size}{kind}"
    if u < 0.90:
        return f"{size}{color}-{_pick(rng, ('colored', 'coloured'))} {kind}"
    if u < 0.96:
        return f"{size}{kind} in {color}"
    if u < 0.98:
        return f"{size}{kind} colored {color}"
    return f"{size}{kind} that {'are' if plural else 'is'} {color}"


def _quote(rng: random.Random, s: str) -> str:
    u = rng.random()
    if u < 0.38:
        return f'"{s}"'
    if u < 0.62:
        return f"'{s}'"
    if u < 0.80:
        return f"“{s}”"
    if u < 0.87:
        return f"‘{s}’"
    if u < 0.93 or not is_latin(s):
        return f"「{s}」"
    return s


def _text(rng: random.Random, scene: Scene, bits: int, bare: bool) -> tuple[str, str]:
    """The text as a noun phrase, and its place ("" when unstated or already said)."""
    t, r = scene.text, rng.random
    q = _quote(rng, t.string)
    color = _color(rng, t.color) if bits & T_COLOR else ""
    place = _center(rng, _pick(rng, TEXT_PLACES[t.place])) if bits & T_PLACE else ""
    quoted = q != t.string
    if is_latin(t.string):
        if t.string.isdigit():
            noun = ("number", "digit")[len(t.string) == 1] if r() < 0.6 else "text"
        elif len(t.string) == 1:
            noun = _pick(rng, ("letter", "letter", "text", "capital letter"))
        else:
            noun = _pick(rng, ("word", "word", "word", "text", "text", "title", "headline", "caption", "lettering", "letters", "inscription"))
    else:
        noun = _pick(rng, ("Chinese character" + ("s" if len(t.string) > 1 else ""), "text", "text", "characters" if len(t.string) > 1 else "character", "word", "title"))
    u = r()
    if color and u < 0.30:
        noun = _pick(rng, ("text", noun, noun, "letters", "text"))
        lead = "" if bare or noun in ("text", "letters", "lettering", "characters") or noun.endswith("s") else _pick(rng, ("a", "the")) + " "
        phrase = f"{lead}{color} {noun} {q}"
    elif u < 0.72 or not quoted:
        phrase = f"{'' if bare else 'the '}{noun} {q}"
        if color:
            phrase += _pick(rng, (f" in {color}", f" in {color}", f" written in {color}", f" in {color} letters", f", {color}"))
    elif u < 0.9:
        phrase = q + _pick(rng, ("", "", " written")) + (_pick(rng, (f" in {color}", f" in {color}", f" in {color} letters", f" in {color} text")) if color else "")
    else:
        phrase = f"{q} as {'a ' + color + ' ' if color else 'a '}{_pick(rng, ('title', 'headline', 'heading'))}" if len(t.string) > 1 else f"{q}{' in ' + color if color else ''}"
    if place and r() < 0.12 and not bare:          # "at the top the word ..."
        return f"{place} {phrase}", ""
    return phrase, place


def _background(rng: random.Random, scene: Scene, bits: int) -> str:
    """The background as a noun phrase without an article."""
    r = rng.random
    c0, c1 = _color(rng, scene.first), _color(rng, scene.second)
    ground = _pick(rng, ("background",) * 6 + ("backdrop",))
    if scene.background == 0:
        return f"{_pick(rng, ('', '', '', '', 'plain ', 'solid ', 'flat ', 'uniform '))}{c0} {ground}"
    told, d = bits & B_DIRECTION, scene.direction
    if scene.background == 1:
        verb = _pick(rng, ("gradient", "gradient", "gradient", "color gradient", "smooth gradient"))
        if told:
            top = ("on the left", "on the right") if d == 0 else ("at the top", "at the bottom")
            run = ("left to right", "from left to right") if d == 0 else ("top to bottom", "from top to bottom")
            name = "horizontal" if d == 0 else "vertical"
            u = r()
            if u < 0.3:
                return f"{verb} from {c0} {top[0]} to {c1} {top[1]}"
            if u < 0.45:
                return f"{ground} fading from {c0} {top[0]} to {c1} {top[1]}"
            if u < 0.65:
                return f"{name} gradient from {c0} to {c1}"
            if u < 0.8:
                return f"{c0} to {c1} {verb}{_pick(rng, (' ' + ground, ''))} {run[1]}"
            if u < 0.9:
                return f"{verb} {ground}, {c0} {top[0]}, {c1} {top[1]}"
            return f"{verb} {run[1]}, {c0} to {c1}"
        return _pick(rng, (f"{verb} from {c0} to {c1}", f"{c0} to {c1} {verb}", f"{c0}-to-{c1} {verb} {ground}", f"{ground} fading from {c0} to {c1}",
                           f"{c0} to {c1} {verb} {ground}", f"{verb} {ground} from {c0} to {c1}", f"{c0} and {c1} {verb}"))
    if r() < 0.5:
        c0, c1 = c1, c0
    name = _pick(rng, (("horizontal",), ("vertical",), ("diagonal", "diagonal", "slanted"))[d]) + " " if told else ""
    return _pick(rng, (f"{name}{c0} and {c1} stripes", f"{c0} and {c1} {name}stripes", f"{name}stripes in {c0} and {c1}", f"{c0}-and-{c1} {name}stripes",
                       f"{c0}-and-{c1} {name}striped {ground}", f"{name}striped {ground} in {c0} and {c1}", f"{ground} with {name}{c0} and {c1} stripes",
                       f"{ground} striped {name.strip() + 'ly ' if name[:1] in 'hvd' and name else ''}in {c0} and {c1}", f"{name}stripes of {c0} and {c1}",
                       f"{name}{c0}/{c1} stripes", f"{ground} of {name}{c0} and {c1} stripes"))


def _countless(phrase: str) -> bool:
    return phrase.endswith("stripes") or "stripes in" in phrase and "background" not in phrase and "backdrop" not in phrase or "stripes of" in phrase


def _on(rng: random.Random, phrase: str, brief: float = 0.08) -> str:
    """Background as a prepositional phrase; a plain one by its colour alone for a share `brief`."""
    if phrase.startswith(("background", "backdrop")) or not _countless(phrase) or "background" in phrase:
        u = rng.random()
        if u < brief and phrase.endswith((" background", " backdrop")) and phrase.count(" ") == 1:
            return "on " + phrase.split(" ")[0]
        return _pick(rng, ("on", "on", "on", "on", "against", "over", "with")) + " " + (a(phrase) if rng.random() < 0.93 else phrase)
    return _pick(rng, ("on", "over", "with", "against")) + " " + phrase


def _objects(rng: random.Random, scene: Scene, p: Plan, bare: bool) -> list[tuple[str, str]]:
    """(noun phrase, place) of each independent thing; related shapes make one thing."""
    shapes, bits, r = scene.shapes, p.shapes, rng.random

    def np(i: int) -> str:
        s = _noun(rng, shapes[i], bits[i])
        return s if bare else a(s)

    def at(i: int) -> str:
        return _place(rng, shapes[i].place) if bits[i] & PLACE else ""

    if p.relation == SAME:
        n = len(shapes)
        phrase = f"{_pick(rng, NUMBERS[n])} {_noun(rng, shapes[0], bits[0], plural=True)}"
        if not bits[0] & PLACE:
            return [(phrase, "")]
        row = shapes[0].place // 3 == shapes[1].place // 3
        line = LINES[0][shapes[0].place // 3] if row else LINES[1][shapes[0].place % 3]
        how = ("in a row", "side by side", "next to each other") if row else ("in a column", "stacked vertically", "one above the other")
        return [(phrase, _pick(rng, how) + " " + line)]
    if p.relation in (LEFT_OF, ABOVE):
        x, y = np(0), np(1)
        if p.relation == LEFT_OF:
            forms = (f"{x} to the left of {y}", f"{x} to the left of {y}", f"{x} left of {y}", f"{x} on the left of {y}", f"{y} to the right of {x}",
                     f"{y} right of {x}", f"{y} on the right of {x}", f"{x} with {y} to its right", f"{y} with {x} to its left", f"{x} on the left side of {y}")
        else:
            forms = (f"{x} above {y}", f"{x} above {y}", f"{x} over {y}", f"{x} directly above {y}", f"{y} below {x}", f"{y} below {x}",
                     f"{y} under {x}", f"{y} beneath {x}", f"{x} with {y} below it", f"{y} with {x} above it", f"{y} underneath {x}")
        return [(_pick(rng, forms), "")]
    things = []
    for i, s in enumerate(shapes):
        if s.inside >= 0:
            continue
        phrase = np(i)
        j = next((k for k, o in enumerate(shapes) if o.inside == i), -1)
        if j >= 0:
            c = np(j)
            phrase = _pick(rng, (f"{c} inside {phrase}", f"{c} inside {phrase}", f"{c} within {phrase}", f"{phrase} with {c} inside", f"{c} in {phrase}",
                                 f"{phrase} with {c} inside it", f"{phrase} containing {c}", f"{c} in the middle of {phrase}", f"{c} in the center of {phrase}",
                                 f"{phrase} with {c} in it"))
        things.append((phrase, at(i)))
    if len(things) > 1 and r() < 0.5:
        rng.shuffle(things)
    return things


def _join(rng: random.Random, items: list[str]) -> str:
    if len(items) == 1:
        return items[0]
    if len(items) == 2:
        return items[0] + _pick(rng, (" and ", " and ", ", ", ", and ", " plus ")) + items[1]
    return ", ".join(items[:-1]) + _pick(rng, (" and ", ", and ", ", ")) + items[-1]


def _said(rng: random.Random, thing: tuple[str, str]) -> str:
    phrase, place = thing
    if not place:
        return phrase
    return f"{phrase}{_pick(rng, (' ', ' ', ' ', ' ', ', '))}{place}"


def _capital(s: str) -> str:
    return s[:1].upper() + s[1:]


def _sentences(rng: random.Random, scene: Scene, p: Plan) -> str:
    out = []
    for phrase, place in _objects(rng, scene, p, bare=False):
        many = p.relation == SAME
        u = rng.random()
        if place and " " not in place and place != "centered":      # "left" is no part of a sentence
            place = "on the " + place if place in ("left", "right") else "in the " + place if place[0] in "mc" else "at the " + place
        if not place:
            out.append(_pick(rng, (f"there {'are' if many else 'is'} {phrase}", phrase)))
        elif u < 0.45:
            out.append(f"{phrase} {'are' if many else 'is'} {place}")
        elif u < 0.7:
            out.append(f"there {'are' if many else 'is'} {phrase} {place}")
        elif u < 0.85:
            out.append(f"{place} there {'are' if many else 'is'} {phrase}")
        else:
            out.append(f"{place}, {phrase}")
    if p.text:
        phrase, place = _text(rng, scene, p.text, bare=False)
        u = rng.random()
        if u < 0.4:
            out.append(f"{phrase} {_pick(rng, ('is', 'is', 'appears', 'stands', 'is written'))} {place}" if place else _pick(rng, (phrase, f"it says {phrase}")))
        elif u < 0.7:
            out.append(f"the text reads {_quote(rng, scene.text.string)}" + (f" in {_color(rng, scene.text.color)}" if p.text & T_COLOR else "")
                       + (f" {_pick(rng, TEXT_PLACES[scene.text.place])}" if p.text & T_PLACE else ""))
        else:
            out.append(f"{place + ' ' if place else ''}it says {phrase}")
    if p.background & B_STATED:
        phrase = _background(rng, scene, p.background)
        if scene.background == 0 and rng.random() < 0.75:
            ground = f"the background is {_color(rng, scene.first)}"
        elif phrase.startswith(("background ", "backdrop ")):
            ground = "the " + phrase
        else:
            ground = f"the background is {phrase if _countless(phrase) else a(phrase)}" if not phrase.endswith(("background", "backdrop")) else a(phrase)
        out.insert(0 if rng.random() < 0.35 else len(out), ground)
    elif rng.random() < 0.3:
        rng.shuffle(out)
    case = rng.random() < 0.75
    text = ". ".join(_capital(s) if case else s for s in out)
    return text + ("." if rng.random() < 0.85 else "")


def _below(rng: random.Random, scene: Scene, p: Plan) -> str | None:
    """One shape told relative to the text, when both are so placed."""
    s, t = scene.shapes[0], scene.text
    if s.place % 3 != 1 or not p.text & T_PLACE or t.place == 1:
        return None
    p.shapes[0] &= ~PLACE
    phrase, place = _text(rng, scene, p.text, bare=False)
    thing = a(_noun(rng, s, p.shapes[0]))
    words = ("below it", "below the text", "under it", "underneath", "below") if t.place == 0 else ("above it", "above the text", "over it", "above")
    return f"{_pick(rng, ('', '', 'poster with ', 'a poster with '))}{phrase}{' ' + place if place else ''}{_pick(rng, (', ', ' and ', ', with '))}{thing} {_pick(rng, words)}"


def write(scene: Scene, p: Plan, rng: random.Random) -> str:
    """The caption for a plan (which may be narrowed to what was said)."""
    r, u = rng.random, rng.random()
    stated = bool(p.background & B_STATED)
    if u < 0.20:
        out = _sentences(rng, scene, p)
        return _finish(rng, out, 0.5)
    if u < 0.40:                                                    # fragments in any order
        bare = r() < 0.6
        items = []
        for phrase, place in _objects(rng, scene, p, bare):
            items.append(f"{place}: {phrase}" if place and r() < 0.15 else _said(rng, (phrase, place)))
        if p.text:
            items.append(_said(rng, _text(rng, scene, p.text, bare)))
        if stated:
            items.append(_background(rng, scene, p.background))
        if r() < 0.5:
            rng.shuffle(items)
        out = _pick(rng, (", ", ", ", ", ", "; ", " / ")).join(items)
        if r() < 0.15:
            out = _pick(rng, ("poster, ", "flat poster, ", "poster: ", "minimalist poster, ")) + out
        return _finish(rng, out, 0.3)
    out = ""
    if p.text and len(scene.shapes) == 1 and u < 0.52:
        out = _below(rng, scene, p) or ""
        if out:
            return _finish(rng, out + (f" {_on(rng, _background(rng, scene, p.background))}" if stated else ""), 0.4)
    items = [_said(rng, t) for t in _objects(rng, scene, p, bare=False)]
    if len(scene.shapes) > 1 and scene.relation == 0 and r() < 0.08:
        items = [f"{_pick(rng, COUNTS[len(scene.shapes)])}: {', '.join(items[:-1])} and {items[-1]}"]
    text = _said(rng, _text(rng, scene, p.text, bare=False)) if p.text else ""
    if p.loose and len(items) > 1 and r() < 0.3:                    # a list behind the background
        ground = " " + _on(rng, _background(rng, scene, p.background), 0.5) if stated else ""
        return _finish(rng, f"{_pick(rng, COUNTS[len(scene.shapes)])}{ground}: {_join(rng, items)}{', ' + text if text else ''}", 0.4)
    prefix = _pick(rng, PREFIXES) + " " if r() < 0.4 else ""
    body = _join(rng, items) if items else ""
    if stated and r() < 0.28:                                       # background first
        ground = _background(rng, scene, p.background)
        parts = [x for x in ([body, text] if r() < 0.7 else [text, body]) if x]
        rest = _pick(rng, (" and ", ", ", " with ")).join(parts)
        if not rest:
            return _finish(rng, ground if _countless(ground) else a(ground), 0.4)
        if r() < 0.5:
            out = f"{_on(rng, ground)}{_pick(rng, (', ', ' ', ', there is '))}{rest}"
        else:
            out = f"{ground if _countless(ground) or r() < 0.5 else a(ground)} with {rest}"
        return _finish(rng, out, 0.5)
    ground = _on(rng, _background(rng, scene, p.background)) if stated else ""
    if not text:
        out = f"{body}{_pick(rng, (' ', ' ', ', ')) if body and ground else ''}{ground}"
    elif not body:
        out = f"{text}{_pick(rng, (' ', ', ')) if ground else ''}{ground}"
    else:
        v = r()
        if v < 0.42:
            out = f"{body}{' ' + ground if ground else ''}{_pick(rng, (' with ', ', with ', ' and ', ', ', ' saying ', ', it says '))}{text}"
        elif v < 0.62:
            out = f"{body}{_pick(rng, (' with ', ' and ', ', '))}{text}{_pick(rng, (' ', ', ')) + ground if ground else ''}"
        elif v < 0.85:
            out = f"{text}{_pick(rng, (' and ', ', ', ' with '))}{body}{' ' + ground if ground else ''}"
        else:
            prefix = _pick(rng, ("a poster that says ", "a poster saying ", "poster that reads ", "a sign saying ", "a poster titled "))
            out = f"{text}{_pick(rng, (', with ', ' with ', ' and ', ', '))}{body}{' ' + ground if ground else ''}"
    return _finish(rng, prefix + out, 0.45)


def _finish(rng: random.Random, s: str, capital: float) -> str:
    if rng.random() < capital:
        s = _capital(s)
    if len(s) < 36 and rng.random() < 0.03:
        return s.upper()
    return s + "." if s[-1] != "." and rng.random() < 0.2 else s


def short(scene: Scene, rng: random.Random) -> tuple[str, tuple[int, ...], int, int]:
    """A caption that names one thing only, with its stated bits."""
    bits, r = [0] * len(scene.shapes), rng.random
    pool = ["background"] + ["text"] * (2 if scene.text else 0) + ["shape"] * (3 * len(scene.shapes))
    what = _pick(rng, pool)
    if what == "text":
        if r() < 0.6:
            return _pick(rng, ("text", "letters", "writing", "words", "a word", "some text", "lettering", "characters", "typography")), tuple(bits), 0, 0
        return _quote(rng, scene.text.string), tuple(bits), T_STRING, 0
    if what == "background":
        if scene.background == 0:
            c = _color(rng, scene.first)
            return (f"{c} background", tuple(bits), 0, B_STATED) if r() < 0.7 else (_pick(rng, ("plain background", "plain", "a poster", "solid background")), tuple(bits), 0, 0)
        word = ("gradient", "color gradient", "a gradient background") if scene.background == 1 else ("stripes", "striped background", "striped", "a striped poster")
        if r() < 0.6:
            return _pick(rng, word), tuple(bits), 0, 0
        return _background(rng, scene, B_STATED), tuple(bits), 0, B_STATED
    i = int(r() * len(scene.shapes))
    s, u = scene.shapes[i], r()
    if u < 0.35:
        bits[i] = KIND
        noun = _noun(rng, s, KIND)
        caption = _pick(rng, (a(noun), noun, _noun(rng, s, KIND, plural=True)))
    elif u < 0.6:
        bits[i] = COLOR
        c = _color(rng, s.color)
        caption = _pick(rng, (c, c, c + " color", f"something {c}", f"{c} shapes"))
    elif u < 0.7:
        bits[i] = SIZE
        caption = _pick(rng, SIZES[s.size][:1]) + _pick(rng, (" shape", " shapes", ""))
    else:
        bits[i] = KIND | COLOR
        noun = _noun(rng, s, KIND | COLOR)
        caption = _pick(rng, (a(noun), noun))
    return caption, tuple(bits), 0, 0
