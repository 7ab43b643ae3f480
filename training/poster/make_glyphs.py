"""Draws the glyph atlas from Noto Sans CJK SC Bold (run once; needs Pillow with FreeType and Debian's fonts-noto-cjk).

Each glyph stands in a 64x64 cell, coverage as grayscale. Chinese characters: one font size for all, the em box centred
in the cell. A-Z and 0-9: one larger font size, all on one baseline, cap height centred; a glyph wider than its pitch
allows is condensed horizontally. Cells stand 16 a row in the order of vocabulary.CHARACTERS.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .vocabulary import CHARACTERS, LATIN

FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"
CELL, COLUMNS, OVER = 64, 16, 8     # drawn OVER times larger, then averaged down
CHINESE_EM, LATIN_EM, LATIN_WIDEST = 63, 68, 43
TAIL = 5                            # a tail below the baseline (Q) is flattened to this many pixels


def _face() -> int:
    for index in range(20):
        if ImageFont.truetype(FONT, 10, index=index).getname()[0] == "Noto Sans CJK SC":
            return index
    raise SystemExit(f"No face 'Noto Sans CJK SC' in {FONT}; install the package fonts-noto-cjk.")


def _ink(char: str, em: int, index: int) -> tuple[np.ndarray, int, int]:
    """Coverage of a glyph at em * OVER pixels in a large box, with the box's origin x and baseline y."""
    font = ImageFont.truetype(FONT, em * OVER, index=index)
    side = CELL * OVER * 2
    image = Image.new("L", (side, side), 0)
    x, y = side // 4, side * 3 // 4
    ImageDraw.Draw(image).text((x, y), char, font=font, fill=255, anchor="ls")
    return np.asarray(image, dtype=np.float64) / 255, x, y


def _cell(box: np.ndarray) -> np.ndarray:
    n = CELL * OVER
    assert box.shape == (n, n)
    return box.reshape(CELL, OVER, CELL, OVER).mean(axis=(1, 3))


def chinese(char: str, index: int) -> np.ndarray:
    """A Chinese glyph: the em box (ascent 0.88, descent 0.12) centred in the cell."""
    ink, x, baseline = _ink(char, CHINESE_EM, index)
    em, n = CHINESE_EM * OVER, CELL * OVER
    left = x + em // 2 - n // 2
    top = int(baseline - 0.88 * em + em / 2 - n / 2)
    return _cell(ink[top:top + n, left:left + n])


def latin(char: str, index: int, cap: float) -> np.ndarray:
    """A letter or digit: centred by its ink horizontally, by the cap height vertically."""
    ink, _, baseline = _ink(char, LATIN_EM, index)
    columns = np.flatnonzero(ink.max(axis=0) > 0.5)
    part = ink[:, columns[0]:columns[-1] + 1]
    n, widest = CELL * OVER, LATIN_WIDEST * OVER
    if part.shape[1] > widest:
        part = np.asarray(Image.fromarray(part.astype(np.float32)).resize((widest, part.shape[0]), Image.LANCZOS))
    rows = np.flatnonzero(part.max(axis=1) > 0.5)
    if rows[-1] - baseline > TAIL * OVER:
        tail = Image.fromarray(part[baseline:rows[-1] + 1].astype(np.float32)).resize((part.shape[1], TAIL * OVER), Image.BOX)
        part = np.concatenate([part[:baseline], np.asarray(tail), np.zeros((n, part.shape[1]))])
    out = np.zeros((n, n))
    top = int(baseline - cap * LATIN_EM * OVER / 2 - n / 2)
    left = (n - part.shape[1]) // 2
    out[:, left:left + part.shape[1]] = part[top:top + n]
    return _cell(np.clip(out, 0, 1))


def main() -> None:
    index = _face()
    ink, _, baseline = _ink("H", LATIN_EM, index)
    cap = (baseline - np.flatnonzero(ink.max(axis=1) > 0.5)[0]) / (LATIN_EM * OVER)
    rows = (len(CHARACTERS) + COLUMNS - 1) // COLUMNS
    atlas = np.zeros((rows * CELL, COLUMNS * CELL))
    for i, char in enumerate(CHARACTERS):
        cell = latin(char, index, cap) if char in LATIN else chinese(char, index)
        border = max(cell[0].max(), cell[-1].max(), cell[:, 0].max(), cell[:, -1].max())
        if border > 0.3:
            print(f"{char} reaches its cell's border with coverage {border:.3f}")
        r, c = divmod(i, COLUMNS)
        atlas[r * CELL:(r + 1) * CELL, c * CELL:(c + 1) * CELL] = cell
    here = Path(__file__).parent
    Image.fromarray(np.rint(atlas * 255).astype(np.uint8)).save(here / "glyphs.png", optimize=True)
    version = "2.004"
    (here / "glyphs.json").write_text(json.dumps({
        "font": "Noto Sans CJK SC Bold", "version": version, "package": "fonts-noto-cjk 1:20220127+repack1-1",
        "license": "SIL Open Font License 1.1 (OFL-1.1). Copyright 2014-2021 Adobe (http://www.adobe.com/). "
                   "The glyph pictures are made from the font; the font itself is not included.",
        "cell": CELL, "columns": COLUMNS, "latin_pitch": 0.72, "chinese_pitch": 1.0, "characters": CHARACTERS,
    }, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
