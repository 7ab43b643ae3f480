"""Draws the checker's test cases with the training's own renderer: cases/scenes.jsonl and a picture for each line.

Odd lines are drawn with jitter, as in training; even ones as their scenes say, to compare with the checker's renderer.
Run from the repository's root: python3 tests/ZImage.Tests/Posters/make_cases.py
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import torch
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "training"))
from poster import caption, pack, render, scene  # noqa: E402

SIZES = [(256, 256), (256, 256), (320, 192), (192, 320)]
COUNT = 24


def main() -> None:
    out = HERE / "cases"
    out.mkdir(exist_ok=True)
    rng = random.Random(2)
    generators = {size: scene.Generator(11 + i, *size, heldout=True) for i, size in enumerate(dict.fromkeys(SIZES))}
    lines = []
    for i in range(COUNT):
        s = generators[SIZES[i // 2 % len(SIZES)]].scene()
        lines.append(json.dumps(scene.to_json(s, caption.describe(s, ("en", "zh")[i // 2 % 2], rng, full=True)), ensure_ascii=False))
        seed = torch.tensor([1000 + i]) if i % 2 == 0 else None
        picture = render.render(render.to_device(pack.pack([s]), "cpu"), None, s.height, s.width, seed=seed)[0]
        rgb = ((picture + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(rgb).save(out / f"{i + 1:04d}.png", optimize=True)
    (out / "scenes.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
