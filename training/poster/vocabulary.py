"""Names and numbers of the poster world, shared by every module (and repeated by the C# checker)."""

from __future__ import annotations

COLORS: dict[str, int] = {
    "red": 0xE53935, "orange": 0xFB8C00, "yellow": 0xFDD835, "green": 0x43A047, "cyan": 0x26C6DA, "blue": 0x1E56E0,
    "purple": 0x8E24AA, "pink": 0xF48FB1, "brown": 0x795548, "black": 0x151515, "white": 0xFAFAFA, "gray": 0x9E9E9E,
}
COLOR_NAMES = list(COLORS)
PALETTE: list[tuple[int, int, int]] = [((v >> 16) & 255, (v >> 8) & 255, v & 255) for v in COLORS.values()]

KINDS = ["circle", "square", "triangle", "star", "heart", "ring", "cross", "crescent", "diamond", "hexagon"]
SIZES = {"small": 0.10, "medium": 0.15, "large": 0.22}
RADII = list(SIZES.values())

GRID = (0.22, 0.5, 0.78)          # nominal centres of the three columns and the three rows
PAIR = (0.28, 0.72)               # centres of two shapes that stand in a relation
MARGIN = 0.03                     # a shape stays this far inside the canvas, in units of min(W, H)
BACKGROUNDS = ["plain", "gradient", "stripes"]
DIRECTIONS = ["horizontal", "vertical", "diagonal"]
STRIPE_PERIOD = 0.25              # in units of min(W, H)

TEXT_PLACES = {"top": 0.13, "middle": 0.5, "bottom": 0.87}
TEXT_PLACE_NAMES = list(TEXT_PLACES)
TEXT_HEIGHT = 0.17                # largest cell height, in units of min(W, H)
TEXT_WIDTH = 0.92                 # largest share of the width that a line takes
LATIN_PITCH = 0.72                # advance of A-Z and 0-9 in cells; Chinese characters advance by one cell
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
CHINESE = (
    "一二三四五六七八九十" "百千万人大小中上下口" "手心山水火木土日月天" "你好我们子女国力工文"
    "生出入开来去年今明早" "东西南北门车马牛鱼云" "雨风光花新快田白平安" "正太本多少不乐春福爱"
)
CHARACTERS = LATIN + CHINESE      # order of the glyph atlas
MAX_TEXT = 8
MAX_SHAPES = 3

# Jitter: each drawn uniformly from -value to +value.
JITTER_POSITION = 0.012           # of W and of H
JITTER_RADIUS = 0.05              # relative
JITTER_PHASE = 0.10               # of a stripe period
JITTER_COLOR = 5.0                # levels of 255, each channel of each colour

# Width and height of the training's canvases; the first is the native one. With ten of them the networks learnt those ten by heart, so there
# are as many as the training's time allows: common ones, and 21 in which every width and every height from 192 to 512 occurs once.
BUCKETS = [
    (256, 256), (320, 192), (192, 320), (384, 256), (256, 384), (192, 192), (384, 384), (512, 512), (512, 256), (256, 512), (320, 256), (448, 320),
    (256, 320), (320, 448), (448, 448), (320, 320), (384, 512), (512, 384), (448, 256), (256, 448),
    (192, 368), (208, 384), (224, 192), (240, 320), (256, 480), (272, 208), (288, 512), (304, 336), (320, 496), (336, 432), (352, 256),
    (368, 448), (384, 464), (400, 288), (416, 224), (432, 304), (448, 352), (464, 240), (480, 400), (496, 272), (512, 416),
]
NATIVE_SHARE = 0.62               # of the scenes; the others share the rest, large canvases less of it
_WEIGHTS = [(w * h) ** -0.5 for w, h in BUCKETS[1:]]
SHARES = (NATIVE_SHARE, *((1 - NATIVE_SHARE) * weight / sum(_WEIGHTS) for weight in _WEIGHTS))


def pitch(text: str) -> float:
    """Length of a line of text in cells."""
    return sum(LATIN_PITCH if c in LATIN else 1.0 for c in text)


def text_height(text: str, width: int, height: int) -> float:
    """Cell height of a line of text in units of min(W, H): the largest height at which the line fits."""
    return min(TEXT_HEIGHT, TEXT_WIDTH * width / min(width, height) / pitch(text))


def cell_of(v: float) -> int:
    """Column or row (0, 1, 2) of a nominal coordinate."""
    return 0 if v < 0.36 else 2 if v > 0.64 else 1


def place_of(x: float, y: float) -> int:
    """Place 0 to 8 (row * 3 + column) of a nominal centre."""
    return cell_of(y) * 3 + cell_of(x)


PLACE_NAMES = [f"{c}-{r}" for r in ("top", "middle", "bottom") for c in ("left", "centre", "right")]
