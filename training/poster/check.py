"""Checker: pictures against what their captions state. Reads pictures only; knows nothing of how they were made.

`check` gives, per scene, 1 (right), 0 (wrong) or -1 (not stated, not judged) for each attribute; `summary` adds them up.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from .check_shapes import check_shapes, classify
from .check_text import check_text
from .pack import pack
from .render import to_device
from .scene import Scene, Shape, Text
from .vocabulary import BACKGROUNDS, COLOR_NAMES, DIRECTIONS, KINDS, PALETTE, RADII, STRIPE_PERIOD, place_of

B_STATED, B_DIRECTION = 1, 2
FILL = 0.8          # share of the background's pixels that must look as stated


def _valid(classes: torch.Tensor, packed: dict[str, torch.Tensor]) -> torch.Tensor:
    """Pixels that do not have a shape's or the text's colour."""
    ground = packed["bg_color"].long()
    out = torch.ones_like(classes, dtype=torch.bool)
    for c in [packed["shape_color"][:, i].long() for i in range(3)] + [packed["text_color"].long()]:
        hide = (c >= 0) & (c != ground[:, 0]) & (c != ground[:, 1])
        out &= ~(hide[:, None, None] & (classes == c[:, None, None]))
    return out


def check_background(images: torch.Tensor, classes: torch.Tensor, packed: dict[str, torch.Tensor], stated: torch.Tensor) -> torch.Tensor:
    """[N] int8: 1 right, 0 wrong, -1 not judged. images in 0 to 255."""
    n, height, width = classes.shape
    device, m = images.device, min(height, width)
    out = torch.full((n,), -1, dtype=torch.int8, device=device)
    bits = stated[:, 4].long()
    palette = torch.tensor(PALETTE, dtype=torch.float32, device=device)
    px = ((torch.arange(width, device=device) + 0.5)[None, :]).expand(height, width)
    py = ((torch.arange(height, device=device) + 0.5)[:, None]).expand(height, width)
    for rows in torch.nonzero((bits & B_STATED) > 0)[:, 0].split(128):
        part = {k: v[rows] for k, v in packed.items()}
        seen, valid = classes[rows], _valid(classes[rows], part)
        total = valid.sum((1, 2)).clamp(min=1)
        enough = total > 0.1 * height * width
        kind, direction, told = part["bg_kind"].long(), part["bg_dir"].long(), (bits[rows] & B_DIRECTION) > 0
        first, second = part["bg_color"][:, 0].long(), part["bg_color"][:, 1].long()

        plain = ((seen == first[:, None, None]) & valid).sum((1, 2)) / total > FILL

        fit = []
        for t in (px / width, py / height):
            ideal = palette[first][:, :, None, None] + (palette[second] - palette[first])[:, :, None, None] * t
            fit.append((((images[rows] - ideal).norm(dim=1) < 60) & valid).sum((1, 2)) / total)
        fits = torch.stack(fit, 1)
        gradient = torch.where(told, fits.gather(1, direction.clamp(0, 1)[:, None])[:, 0], fits.amax(1)) > FILL

        a, b = (seen == first[:, None, None]) & valid, (seen == second[:, None, None]) & valid
        either = (a | b).sum((1, 2)).clamp(min=1)
        agree = []
        for along in (py, px, (px + py) * 0.5 ** 0.5):
            f = along / (STRIPE_PERIOD * m)
            best = torch.zeros(len(rows), device=device)
            for phase in range(20):
                band = torch.remainder(f + phase / 20, 1.0) < 0.5
                best = torch.maximum(best, ((a & band) | (b & ~band)).sum((1, 2)) / either)
            agree.append(best)
        agreement = torch.stack(agree, 1)
        stripes = (either / total > FILL) & torch.where(told, agreement.gather(1, direction.clamp(min=0)[:, None])[:, 0], agreement.amax(1)).gt(0.85)

        ok = torch.where(kind == 0, plain, torch.where(kind == 1, gradient, stripes)) & enough
        out[rows] = ok.to(torch.int8)
    return out


def check(images: torch.Tensor, packed: dict[str, torch.Tensor], stated: torch.Tensor, chunk: int = 256) -> dict[str, torch.Tensor]:
    """Judges pictures [N, 3, H, W] in [-1, 1] of scenes with one canvas shape; stated uint8 [N, 5] (shapes 0 to 2, text, background).

    Returns int8 tensors: kind, color, place, size [N, 3]; characters [N, 8]; text_color, text_place, background [N].
    """
    parts = []
    for s in range(0, len(images), chunk):
        image = ((images[s:s + chunk].float() + 1) * 127.5).clamp(0, 255)
        part, told = {k: v[s:s + chunk] for k, v in packed.items()}, stated[s:s + chunk]
        classes = classify(image)
        result = check_shapes(classes, part, told)
        result.update(check_text(image, classes, part, told))
        result["background"] = check_background(image, classes, part, told)
        parts.append(result)
    return {k: torch.cat([p[k] for p in parts]) for k in parts[0]}


def summary(*results: dict[str, torch.Tensor]) -> dict[str, tuple[int, int]]:
    """(right, judged) for each attribute over several results."""
    out: dict[str, tuple[int, int]] = {}
    for result in results:
        for name, v in result.items():
            right, judged = out.get(name, (0, 0))
            out[name] = right + int((v == 1).sum()), judged + int((v >= 0).sum())
    return out


def rates(counts: dict[str, tuple[int, int]]) -> str:
    """One line: each attribute's percentage and count."""
    return "  ".join(f"{k} {100 * r / max(j, 1):.1f}% ({r}/{j})" for k, (r, j) in counts.items())


def load(path: str | Path) -> list[dict]:
    """The lines of a scene file (JSONL), parsed."""
    return parse([json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()])


def parse(items: list[dict]) -> list[dict]:
    """Items of the contract, each with `scene` and `bits` added for `batch`."""
    for item in items:
        item["scene"], item["bits"] = from_json(item)
    return items


def from_json(item: dict) -> tuple[Scene, list[int]]:
    """Scene and stated bits of a JSON object of the contract."""
    g = item["background"]
    colors = [COLOR_NAMES.index(c) for c in g["colors"]]
    scene = Scene(item["width"], item["height"], BACKGROUNDS.index(g["kind"]), colors[0], colors[-1], DIRECTIONS.index(g["direction"]) if g["direction"] else -1)
    bits = [0, 0, 0, 0, (B_STATED | B_DIRECTION) if g["stated"] else 0]
    for i, s in enumerate(item["shapes"]):
        size = min(range(3), key=lambda k: abs(RADII[k] - s["r"]))
        scene.shapes.append(Shape(KINDS.index(s["kind"]), COLOR_NAMES.index(s["color"]), s["x"], s["y"], size, place_of(s["x"], s["y"]),
                                  -1 if s["inside"] is None else s["inside"]))
        bits[i] = sum(1 << b for b, name in enumerate(("kind", "color", "place", "size")) if name in s["stated"])
    t = item["text"]
    if t:
        scene.text = Text(t["string"], COLOR_NAMES.index(t["color"]), 0 if t["y"] < 0.3 else 2 if t["y"] > 0.7 else 1, t["y"], t["height"])
        bits[3] = sum(1 << b for b, name in enumerate(("string", "color", "place")) if name in t["stated"])
    return scene, bits


def batch(items: list[dict], device: str | torch.device = "cpu") -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Packed tensors and stated bits of loaded items of one canvas size."""
    return to_device(pack([i["scene"] for i in items]), device), torch.tensor([i["bits"] for i in items], dtype=torch.uint8, device=device)
