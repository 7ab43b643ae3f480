"""Random scenes: what stands on a poster. Quality filter, de-duplication and balanced sampling live here."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from . import contrast, words
from .heldout_rule import TRIPLES, text_held_out
from .vocabulary import (
    BACKGROUNDS, CHINESE, COLOR_NAMES, DIRECTIONS, GRID, KINDS, LATIN, MARGIN, MAX_TEXT, PAIR, RADII,
    TEXT_PLACE_NAMES, TEXT_PLACES, pitch, place_of, text_height,
)

NO_RELATION, LEFT_OF, ABOVE, INSIDE, SAME = range(5)
SQUARE, RING = KINDS.index("square"), KINDS.index("ring")
CONTAINERS = [KINDS.index(k) for k in ("square", "circle", "hexagon", "ring", "diamond")]


@dataclass(slots=True)
class Shape:
    """One shape; `size` indexes SIZES, `inside` is the index of its container or -1."""
    kind: int
    color: int
    x: float
    y: float
    size: int
    place: int
    inside: int = -1


@dataclass(slots=True)
class Text:
    """One line of text; `place` is 0 top, 1 middle, 2 bottom."""
    string: str
    color: int
    place: int
    y: float
    height: float


@dataclass(slots=True)
class Scene:
    """A poster. Colours, kinds and directions are indices into the vocabulary; direction is -1 for plain."""
    width: int
    height: int
    background: int
    first: int
    second: int
    direction: int
    shapes: list[Shape] = field(default_factory=list)
    text: Text | None = None
    relation: int = NO_RELATION

    def signature(self) -> int:
        """64-bit key of everything on the poster, for de-duplication."""
        key = (self.width, self.height, self.background, self.first, self.second, self.direction,
               tuple((s.kind, s.color, s.x, s.y, s.size, s.inside) for s in self.shapes),
               (self.text.color, self.text.place) + tuple(map(ord, self.text.string)) if self.text else ())
        return hash(key)  # tuples of numbers hash alike in every process


class Balance:
    """Draws values so that rare ones catch up: of two random candidates the less used one wins."""

    def __init__(self, rng: random.Random):
        self.random = rng.random
        self.used: dict[str, dict] = {}

    def pick(self, concept: str, values):
        """One of `values` for a concept; counts it."""
        used = self.used.setdefault(concept, {})
        n = len(values)
        a, b = values[int(self.random() * n)], values[int(self.random() * n)]
        best = a if used.get(a, 0) <= used.get(b, 0) else b
        used[best] = used.get(best, 0) + 1
        return best


def draw_string(rng: random.Random, balance: Balance, heldout: bool) -> str:
    """A text of one to eight characters, on the wanted side of the held-out split."""
    while True:
        u = rng.random()
        if u < 0.14:
            s = words.ENGLISH[int(rng.random() * len(words.ENGLISH))]
        elif u < 0.28:
            s = words.CHINESE_WORDS[int(rng.random() * len(words.CHINESE_WORDS))]
        elif u < 0.52:
            n = rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8))
            s = "".join([balance.pick("latin", LATIN[:26] if rng.random() < 0.85 else LATIN) for _ in range(n)])
        elif u < 0.58:
            s = "".join([balance.pick("digit", LATIN[26:]) for _ in range(rng.choice((1, 2, 2, 3, 4, 4, 5, 6)))])
        elif u < 0.97:
            n = rng.choice((1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8))
            s = "".join([balance.pick("chinese", CHINESE) for _ in range(n)])
        else:
            n = rng.randint(2, MAX_TEXT)
            s = "".join([balance.pick("mixed", LATIN if rng.random() < 0.5 else CHINESE) for _ in range(n)])
        if text_held_out(s) == heldout:
            return s


def _background(rng: random.Random, balance: Balance) -> tuple[int, int, int, int, tuple[int, ...]]:
    while True:
        u = rng.random()
        first = balance.pick("background", range(12))
        if u < 0.56:
            return 0, first, first, -1, contrast.allowed_on(0, first, first)
        second = rng.choice(contrast.PARTNERS[first])
        if u < 0.78:
            kind, direction = 1, balance.pick("gradient", (0, 1))
        else:
            kind, direction = 2, balance.pick("stripes", (0, 1, 2))
        allowed = contrast.allowed_on(kind, first, second)
        if len(allowed) >= 3:
            return kind, first, second, direction, allowed


def clamp_center(x: float, y: float, r: float, width: int, height: int) -> tuple[float, float]:
    """Moves a nominal centre so that the shape stays inside the canvas; rounded to 4 digits for the JSON."""
    m = min(width, height)
    dx, dy = (r + MARGIN) * m / width, (r + MARGIN) * m / height
    return round(min(max(x, dx), 1 - dx), 4), round(min(max(y, dy), 1 - dy), 4)


class Generator:
    """Makes scenes of one canvas size from a seed."""

    def __init__(self, seed: int, width: int, height: int, heldout: bool = False):
        self.rng = random.Random(seed)
        self.balance = Balance(self.rng)
        self.width, self.height, self.heldout = width, height, heldout
        m = min(width, height)
        self.ax, self.ay = width / m, height / m   # canvas in units of min(W, H)

    def scene(self) -> Scene:
        """The next scene that passes the filter."""
        while True:
            scene = self._attempt()
            if scene is not None:
                return scene

    def _attempt(self) -> Scene | None:
        rng, random = self.rng, self.rng.random
        kind, first, second, direction, allowed = _background(rng, self.balance)
        scene = Scene(self.width, self.height, kind, first, second, direction)
        u = random()
        count = 0 if u < 0.06 else 1 if u < 0.40 else 2 if u < 0.76 else 3
        has_text = random() < (0.70 if count else 0.92)
        if has_text:
            string = draw_string(rng, self.balance, self.heldout)
            place = self.balance.pick("text place", (0, 1, 2) if count < 3 else (0, 2))
            scene.text = Text(string, self.balance.pick("text color", allowed), place,
                              TEXT_PLACES[TEXT_PLACE_NAMES[place]], round(text_height(string, self.width, self.height), 4))
        if count == 0:
            return scene
        v = random()
        if count == 2 and v < 0.52:
            ok = self._inside(scene, allowed) if v < 0.20 else self._pair(scene, allowed)
        elif count == 3 and v < 0.14:
            ok = self._inside(scene, allowed) and self._free(scene, allowed)
        elif count >= 2 and v > 0.94:
            ok = self._same(scene, allowed, count)
        else:
            ok = all(self._free(scene, allowed, count) for _ in range(count))
        return scene if ok else None

    def _draw(self, place: int, allowed, kinds=range(10), under: int = -1, apart: bool = True, scene=None) -> tuple[int, int] | None:
        """Kind and colour for a place, on the wanted side of the split; None when none was found."""
        for _ in range(40 if self.heldout else 6):
            k, c = self.rng.choice(kinds), self.rng.choice(allowed)
            if self.heldout and not TRIPLES[k][c][place]:
                continue
            if not self.heldout:
                k, c = self.balance.pick("kind", kinds), self.balance.pick("color", allowed)
                if TRIPLES[k][c][place]:
                    continue
            if under >= 0 and not contrast.CLEARLY[c][under]:
                continue
            if apart and scene and any(s.kind == k and s.color == c for s in scene.shapes):
                continue
            return k, c
        return None

    def _fits(self, scene: Scene, x: float, y: float, r: float) -> bool:
        px, py = x * self.ax, y * self.ay
        for s in scene.shapes:
            d = ((px - s.x * self.ax) ** 2 + (py - s.y * self.ay) ** 2) ** 0.5
            if d < (r + RADII[s.size]) * 1.05 + 0.035:
                return False
        t = scene.text
        if t is not None:
            dx = max(abs(px - 0.5 * self.ax) - t.height * pitch(t.string) / 2, 0.0)
            dy = max(abs(py - t.y * self.ay) - t.height / 2, 0.0)
            if (dx * dx + dy * dy) ** 0.5 < r + 0.025:
                return False
        return True

    def _add(self, scene: Scene, allowed, place: int, nx: float, ny: float, size: int, kinds=range(10)) -> bool:
        x, y = clamp_center(nx, ny, RADII[size], self.width, self.height)
        if not self._fits(scene, x, y, RADII[size]):
            return False
        drawn = self._draw(place, allowed, kinds, scene=scene)
        if drawn is None:
            return False
        scene.shapes.append(Shape(drawn[0], drawn[1], x, y, size, place))
        return True

    def _free(self, scene: Scene, allowed, count: int = 3) -> bool:
        """A shape anywhere on the grid."""
        for _ in range(10):
            size = self.balance.pick("size", (0, 1, 2))
            if count == 1 and self.rng.random() < 0.22:
                place = 4
            else:
                place = self.balance.pick("place", range(9))
            if self._add(scene, allowed, place, GRID[place % 3], GRID[place // 3], size):
                return True
        return False

    def _pair(self, scene: Scene, allowed) -> bool:
        """Two shapes side by side or one above the other."""
        scene.relation = self.balance.pick("relation", (LEFT_OF, ABOVE))
        size = self.balance.pick("pair size", (0, 1, 2))
        for i in (0, 1):
            if self.rng.random() < 0.35:
                size = int(self.rng.random() * 3)
            x, y = (PAIR[i], 0.5) if scene.relation == LEFT_OF else (0.5, PAIR[i])
            for _ in range(3):
                if self._add(scene, allowed, place_of(x, y), x, y, size):
                    break
                size = max(size - 1, 0)
            else:
                return False
        return True

    def _inside(self, scene: Scene, allowed) -> bool:
        """A small shape at the centre of a large one."""
        scene.relation = INSIDE
        place = 4 if self.rng.random() < 0.5 else self.balance.pick("inside place", range(9))
        if not self._add(scene, allowed, place, GRID[place % 3], GRID[place // 3], 2, CONTAINERS):
            return False
        box = scene.shapes[0]
        if box.kind == RING:      # the hole shows the background, and a square's corners would touch the ring
            colors, kinds = allowed, [k for k in range(10) if k != SQUARE]
        else:
            colors, kinds = contrast.PARTNERS[box.color], range(10)
        drawn = self._draw(box.place, colors, kinds, under=box.color, scene=scene)
        if drawn is None:
            return False
        scene.shapes.append(Shape(drawn[0], drawn[1], box.x, box.y, 0, box.place, inside=0))
        return True

    def _same(self, scene: Scene, allowed, count: int) -> bool:
        """Two or three equal shapes in a row or a column."""
        scene.relation = SAME
        row = self.rng.random() < 0.6
        line = int(self.rng.random() * 3)
        steps = (0, 1, 2) if count == 3 else (0, 2)
        places = [line * 3 + i for i in steps] if row else [i * 3 + line for i in steps]
        size = 0 if count == 3 else int(self.rng.random() * 3)
        drawn = self._draw(places[0], allowed)
        if drawn is None or any(TRIPLES[drawn[0]][drawn[1]][p] != self.heldout for p in places):
            return False
        for p in places:
            x, y = clamp_center(GRID[p % 3], GRID[p // 3], RADII[size], self.width, self.height)
            if not self._fits(scene, x, y, RADII[size]):
                return False
            scene.shapes.append(Shape(drawn[0], drawn[1], x, y, size, p))
        return True


def to_json(scene: Scene, caption) -> dict:
    """The scene as the JSON object of the contract; `caption` is a caption.Caption."""
    two = scene.background != 0
    colors = [COLOR_NAMES[scene.first]] + ([COLOR_NAMES[scene.second]] if two else [])
    shapes = [
        {"kind": KINDS[s.kind], "color": COLOR_NAMES[s.color], "x": s.x, "y": s.y, "r": RADII[s.size],
         "stated": [n for b, n in enumerate(("kind", "color", "place", "size")) if bits >> b & 1],
         "inside": s.inside if s.inside >= 0 else None}
        for s, bits in zip(scene.shapes, caption.shapes)]
    t = scene.text
    text = None if t is None else {
        "string": t.string, "color": COLOR_NAMES[t.color], "x": 0.5, "y": t.y, "height": t.height,
        "stated": [n for b, n in enumerate(("string", "color", "place")) if caption.text >> b & 1]}
    return {
        "caption": caption.caption, "language": caption.language, "width": scene.width, "height": scene.height,
        "background": {"kind": BACKGROUNDS[scene.background], "colors": colors,
                       "direction": DIRECTIONS[scene.direction] if two else None, "stated": bool(caption.background)},
        "shapes": shapes, "text": text}
