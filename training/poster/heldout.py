"""Writes the held-out captions: `python -m poster.heldout [file [file for other canvases]]`. Every shape's (kind, colour, place) and every text string
in them is held out, so that training has seen none of them. English and Chinese take turns."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from .caption import describe
from .dataset import MAX_TOKENS, TOKENIZER
from .scene import Generator, to_json
from .tokenizer import Encoder
from .vocabulary import BUCKETS

COUNT, SEED = 500, 2511
FILE = Path(__file__).parents[1] / "heldout.jsonl"
SIZED, SIZED_FILE = 20, Path(__file__).parents[1] / "heldout-sizes.jsonl"
UNSEEN = [(288, 416), (336, 240), (464, 400), (208, 272), (352, 352)]   # canvases that the training has not seen
SIZES = [*BUCKETS[1:12], *UNSEEN]


def items(count: int = COUNT, seed: int = SEED, width: int = 256, height: int = 256, tokenizer: str | Path = TOKENIZER) -> list[dict]:
    """`count` scenes with captions as JSON objects of the contract."""
    generator = Generator(f"heldout/{seed}/{width}x{height}", width, height, heldout=True)
    rng = random.Random(f"heldout/{seed}/captions")
    encoder, seen, out = Encoder(tokenizer), set(), []
    while len(out) < count:
        scene = generator.scene()
        if scene.signature() in seen or not (scene.shapes or scene.text):
            continue
        caption = describe(scene, "en" if len(out) % 2 == 0 else "zh", rng, full=True)
        if len(encoder.encode_chat(caption.caption)) > MAX_TOKENS:
            continue
        seen.add(scene.signature())
        out.append(to_json(scene, caption))
    return out


def write(path: str | Path = FILE, rows: list[dict] | None = None) -> None:
    """Writes the file, one object a line."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(i, ensure_ascii=False, separators=(",", ":")) + "\n" for i in rows or items())
    Path(path).write_text(lines, encoding="utf-8")


def sized() -> list[dict]:
    """The captions of the other canvases."""
    return [row for w, h in SIZES for row in items(SIZED, width=w, height=h)]


if __name__ == "__main__":
    write(*sys.argv[1:2])
    write(*sys.argv[2:3] or [SIZED_FILE], sized())
