"""Scenes as arrays: what the renderer and the checker read."""

from __future__ import annotations

import numpy as np

from .scene import Scene, Shape, Text
from .vocabulary import CHARACTERS, MAX_SHAPES, MAX_TEXT, RADII, SIZES

CODES = {c: i for i, c in enumerate(CHARACTERS)}


def pack(scenes: list[Scene]) -> dict[str, np.ndarray]:
    """Arrays with one row a scene.

    bg_kind, bg_dir int8 [N]; bg_color int8 [N, 2]; shape_kind, shape_color, shape_inside int8 [N, 3] (-1: none);
    shape_xyr float32 [N, 3, 3]; text_chars int8 [N, 8] (-1: none), text_color int8 [N] (-1: no text), text_xyh float32 [N, 3].
    """
    n = len(scenes)
    bg, xyr, xyh = [], np.full((n, MAX_SHAPES, 3), 0.5, np.float32), np.full((n, 3), 0.5, np.float32)
    shape = np.full((n, MAX_SHAPES, 3), -1, np.int8)
    chars, color = np.full((n, MAX_TEXT), -1, np.int8), np.full(n, -1, np.int8)
    for i, s in enumerate(scenes):
        bg.append((s.background, s.direction, s.first, s.second))
        for j, o in enumerate(s.shapes):
            shape[i, j] = o.kind, o.color, o.inside
            xyr[i, j] = o.x, o.y, RADII[o.size]
        t = s.text
        if t is not None:
            chars[i, :len(t.string)] = [CODES[c] for c in t.string]
            color[i] = t.color
            xyh[i] = 0.5, t.y, t.height
    b = np.array(bg, np.int8).reshape(n, 4)
    return {"bg_kind": b[:, 0], "bg_dir": b[:, 1], "bg_color": b[:, 2:], "shape_kind": shape[..., 0], "shape_color": shape[..., 1],
            "shape_inside": shape[..., 2], "shape_xyr": xyr, "text_chars": chars, "text_color": color, "text_xyh": xyh}


def unpack(packed: dict[str, np.ndarray], i: int, width: int, height: int) -> Scene:
    """One row as a scene again (the relation, which only the caption writer needs, is lost)."""
    from .vocabulary import place_of

    radii = list(SIZES.values())
    scene = Scene(width, height, int(packed["bg_kind"][i]), int(packed["bg_color"][i, 0]), int(packed["bg_color"][i, 1]),
                  int(packed["bg_dir"][i]))
    for j in range(MAX_SHAPES):
        if packed["shape_kind"][i, j] < 0:
            break
        x, y, r = (round(float(v), 4) for v in packed["shape_xyr"][i, j])
        scene.shapes.append(Shape(int(packed["shape_kind"][i, j]), int(packed["shape_color"][i, j]), x, y, radii.index(round(r, 4)),
                                  place_of(x, y), int(packed["shape_inside"][i, j])))
    if packed["text_color"][i] >= 0:
        string = "".join(CHARACTERS[c] for c in packed["text_chars"][i] if c >= 0)
        y = round(float(packed["text_xyh"][i, 1]), 4)
        scene.text = Text(string, int(packed["text_color"][i]), 0 if y < 0.3 else 2 if y > 0.7 else 1, y, round(float(packed["text_xyh"][i, 2]), 4))
    return scene
