"""Batched renderer: packed scenes -> pictures, on whatever device the packed tensors are.

Order of painting: background, shapes 0, 1, 2 (a container comes before its content), text. A layer of colour c and
coverage a paints out = out + a (c - out), in sRGB values 0 to 255; the result is value / 127.5 - 1, not rounded.

  m = min(W, H). Pixel centres are (column + 0.5, row + 0.5).
  plain      colour 0
  gradient   colour 0 + (colour 1 - colour 0) t, t = px / W (horizontal) or py / H (vertical: top to bottom)
  stripes    u = py (horizontal), px (vertical) or (px + py) / sqrt 2 (diagonal); P = 0.25 m;
             f = frac(u / P + phase); q = |frac(f + 0.25) - 0.5|; coverage of colour 0 over colour 1 = clamp(0.5 - (q - 0.25) P, 0, 1)
             (colour 0 is the first stripe, at the top or left)
  shape      centre (x W, y H), radius r m; distance table in shapes.py
  text       cell height h = height * m pixels; line length L = h * sum of pitches; character i starts at
             X_i = x W - L / 2 + h * (pitches before it), its cell is h wide and centred on its pitch:
             cell's left = X_i + (pitch - 1) h / 2, top = y H - h / 2. A pixel's coverage is the mean of 2 x 2 samples at
             offsets +-0.25 pixel, each bilinear in the atlas cell (texel centres at +0.5, zero outside); the atlas level
             is 64 texels a cell for h >= 28, 32 for 14 <= h < 28, 16 below (2 x 2 means of the level above).
             Coverages of neighbouring characters add, to at most 1.
Jitter (seed tensor given): x and y of each shape and of the text +-0.012 (a contained shape moves with its container),
r +-5 %, phase +-0.1, each channel of each colour +-5. Numbers come from a hash of (seed, index); see `uniform`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import shapes
from .vocabulary import (
    CHARACTERS, JITTER_COLOR, JITTER_PHASE, JITTER_POSITION, JITTER_RADIUS, LATIN_PITCH, MAX_SHAPES, PALETTE,
    STRIPE_PERIOD, TEXT_HEIGHT,
)

Packed = dict[str, torch.Tensor]
NUMBERS = 36  # random numbers a scene: shapes 3 x (x, y, r), text x, y, phase, 6 colours x 3; rest spare


def uniform(seed: torch.Tensor, count: int = NUMBERS) -> torch.Tensor:
    """[N] int64 seeds -> [N, count] float32 in [-1, 1), the same on every device."""
    mask = 0xFFFFFFFF
    i = torch.arange(count, device=seed.device, dtype=torch.int64)
    v = ((seed[:, None] & mask) * 0x9E3779B1 + i * 0x85EBCA77 + (seed[:, None] >> 32)) & mask
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        v = ((v ^ (v >> shift)) * factor) & mask
    v = v ^ (v >> 16)
    return (v >> 8).to(torch.float32) * (2.0 / (1 << 24)) - 1.0


@lru_cache(maxsize=8)
def atlas(device: str) -> tuple[torch.Tensor, ...]:
    """Glyph coverages in three levels: [116, 1, 64, 64], [.., 32, 32], [.., 16, 16]."""
    from PIL import Image

    image = np.asarray(Image.open(Path(__file__).parent / "glyphs.png").convert("L"), dtype=np.float32) / 255
    rows, columns = image.shape[0] // 64, image.shape[1] // 64
    cells = image.reshape(rows, 64, columns, 64).transpose(0, 2, 1, 3).reshape(-1, 1, 64, 64)[:len(CHARACTERS)]
    level = torch.from_numpy(np.ascontiguousarray(cells)).to(device)
    return level, F.avg_pool2d(level, 2), F.avg_pool2d(level, 4)


def to_device(packed: dict[str, np.ndarray], device: str | torch.device) -> Packed:
    """The numpy arrays of a packed data set as tensors (small integer types are kept; they are widened while rendering)."""
    return {k: torch.from_numpy(np.ascontiguousarray(v)).to(device) for k, v in packed.items()}


def render(packed: Packed, index: torch.Tensor | None, height: int, width: int, seed: torch.Tensor | None = None,
           dtype: torch.dtype = torch.float32, chunk: int = 512) -> torch.Tensor:
    """Pictures [N, 3, height, width] in [-1, 1] of the scenes `index` (all when None); `seed` [N] int64 or None for no jitter.

    height and width may be smaller than the canvas the scenes were made for, as long as the aspect ratio is the same.
    """
    if index is not None:
        packed = {k: v[index] for k, v in packed.items()}
    n = packed["bg_kind"].shape[0]
    out = torch.empty(n, 3, height, width, dtype=dtype, device=packed["bg_kind"].device)
    for start in range(0, n, chunk):
        part = {k: v[start:start + chunk] for k, v in packed.items()}
        image = _render(part, height, width, None if seed is None else seed[start:start + chunk])
        out[start:start + chunk] = image.permute(0, 3, 1, 2)
    return out


def _render(p: Packed, height: int, width: int, seed: torch.Tensor | None) -> torch.Tensor:
    device = p["bg_kind"].device
    n, m = p["bg_kind"].shape[0], min(height, width)
    u = torch.zeros(n, NUMBERS, device=device) if seed is None else uniform(seed)
    palette = torch.tensor(PALETTE, dtype=torch.float32, device=device)
    ids = torch.cat([p["bg_color"].long(), p["shape_color"].long().clamp(min=0), p["text_color"].long()[:, None].clamp(min=0)], 1)
    colors = (palette[ids] + JITTER_COLOR * u[:, 12:30].reshape(n, 6, 3)).clamp(0, 255)

    image = _background(p, colors, u[:, 11], height, width)
    image = image.reshape(n * height * width, 3)
    _shapes(p, colors[:, 2:5], u, image, height, width, m)
    _text(p, colors[:, 5], u, image, height, width, m)
    return image.reshape(n, height, width, 3).div_(127.5).sub_(1.0)


def _background(p: Packed, colors: torch.Tensor, phase: torch.Tensor, height: int, width: int) -> torch.Tensor:
    device, m = colors.device, min(height, width)
    px = (torch.arange(width, device=device, dtype=torch.float32) + 0.5)[None, None, :]
    py = (torch.arange(height, device=device, dtype=torch.float32) + 0.5)[None, :, None]
    kind, direction = p["bg_kind"][:, None, None], p["bg_dir"][:, None, None]
    period = STRIPE_PERIOD * m
    along = torch.where(direction == 0, py, torch.where(direction == 1, px, (px + py) * 0.5 ** 0.5))
    f = along / period + JITTER_PHASE * phase[:, None, None]
    f = torch.remainder(f, 1.0)
    q = (torch.remainder(f + 0.25, 1.0) - 0.5).abs()
    stripes = 1 - (0.5 - (q - 0.25) * period).clamp(0, 1)
    gradient = torch.where(direction == 0, px / width, py / height)
    t = torch.where(kind == 2, stripes, torch.where(kind == 1, gradient, torch.zeros_like(gradient)))
    c0, c1 = colors[:, None, None, 0], colors[:, None, None, 1]
    return torch.addcmul(c0, t[..., None], c1 - c0)


def shape_geometry(p: Packed, u: torch.Tensor, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Centres x, y [N, 3] and radii [N, 3] in pixels, jittered by u."""
    m = min(height, width)
    move = u[:, :6].reshape(-1, MAX_SHAPES, 2)
    inside = p["shape_inside"].long()
    own = torch.arange(MAX_SHAPES, device=inside.device).expand_as(inside)
    source = torch.where(inside >= 0, inside, own)
    move = torch.gather(move, 1, source[..., None].expand(-1, -1, 2)) * JITTER_POSITION
    x = (p["shape_xyr"][..., 0].float() + move[..., 0]) * width
    y = (p["shape_xyr"][..., 1].float() + move[..., 1]) * height
    r = p["shape_xyr"][..., 2].float() * (1 + JITTER_RADIUS * u[:, 6:9]) * m
    return x, y, r


def _window(center: torch.Tensor, side: int, limit: int) -> torch.Tensor:
    return (center - side / 2).round().clamp(0, limit - side).long()


def _paint(image: torch.Tensor, index: torch.Tensor, coverage: torch.Tensor, color: torch.Tensor) -> None:
    """image[index] += coverage * (color - image[index]); index [K, s, s], color [K, 3], no pixel twice."""
    flat = index.reshape(-1)
    under = image[flat].reshape(*index.shape, 3)
    image[flat] = torch.addcmul(under, coverage[..., None], color[:, None, None] - under).reshape(-1, 3)


def _indices(rows: torch.Tensor, x0: torch.Tensor, y0: torch.Tensor, side: int, height: int, width: int) -> tuple[torch.Tensor, ...]:
    i = torch.arange(side, device=x0.device)
    px, py = x0[:, None] + i, y0[:, None] + i
    index = (rows[:, None, None] * height + py[:, :, None]) * width + px[:, None, :]
    return index, px.float() + 0.5, py.float() + 0.5


def _shapes(p: Packed, colors: torch.Tensor, u: torch.Tensor, image: torch.Tensor, height: int, width: int, m: int) -> None:
    x, y, r = shape_geometry(p, u, height, width)
    side = min(int(2 * 1.05 * 0.22 * 1.05 * m) + 4, m)
    kinds = p["shape_kind"].long()
    for slot in range(MAX_SHAPES):
        rows = torch.nonzero(kinds[:, slot] >= 0)[:, 0]
        if rows.numel() == 0:
            continue
        kind, cx, cy, rad = kinds[rows, slot], x[rows, slot], y[rows, slot], r[rows, slot]
        index, px, py = _indices(rows, _window(cx, side, width), _window(cy, side, height), side, height, width)
        ux, uy = (px - cx[:, None]) / rad[:, None], (py - cy[:, None]) / rad[:, None]
        coverage = torch.empty(rows.numel(), side, side, device=image.device)
        for k in range(len(shapes.DISTANCES)):
            which = torch.nonzero(kind == k)[:, 0]
            if which.numel():
                d = shapes.distance(k, ux[which][:, None, :], uy[which][:, :, None])
                coverage[which] = (0.5 - d * rad[which][:, None, None]).clamp(0, 1)
        _paint(image, index, coverage, colors[rows, slot])


def text_geometry(p: Packed, u: torch.Tensor, height: int, width: int) -> tuple[torch.Tensor, ...]:
    """Left and top [N, 8] of each character's cell and the cell height [N], in pixels; unused cells hold rubbish."""
    m = min(height, width)
    chars = p["text_chars"].long()
    step = torch.where(chars < 0, 0.0, torch.where(chars < 36, LATIN_PITCH, 1.0)).float()
    h = p["text_xyh"][:, 2].float() * m
    before = torch.cumsum(step, 1) - step
    start = (p["text_xyh"][:, 0].float() + JITTER_POSITION * u[:, 9]) * width - h * step.sum(1) / 2
    left = start[:, None] + h[:, None] * (before + (step - 1) / 2)
    top = (p["text_xyh"][:, 1].float() + JITTER_POSITION * u[:, 10]) * height - h / 2
    return left, top[:, None].expand_as(left), h


def _text(p: Packed, colors: torch.Tensor, u: torch.Tensor, image: torch.Tensor, height: int, width: int, m: int) -> None:
    chars = p["text_chars"].long()
    where = torch.nonzero(chars >= 0)
    if where.numel() == 0:
        return
    left, top, h = text_geometry(p, u, height, width)
    side = int(TEXT_HEIGHT * m) + 4
    rows, slots = where[:, 0], where[:, 1]
    char, x, y, h = chars[rows, slots], left[rows, slots], top[rows, slots], h[rows]
    index, px, py = _indices(rows, _window(x + h / 2, side, width), _window(y + h / 2, side, height), side, height, width)
    coverage = torch.empty(rows.numel(), side, side, device=image.device)
    sub = torch.tensor([-0.25, 0.25], device=image.device)
    levels = atlas(str(image.device))
    for level, which in enumerate((h >= 28, (h < 28) & (h >= 14), h < 14)):
        which = torch.nonzero(which)[:, 0]
        if which.numel() == 0:
            continue
        gx = ((px[which][..., None] + sub - x[which, None, None]) / h[which, None, None] * 2 - 1).flatten(1)
        gy = ((py[which][..., None] + sub - y[which, None, None]) / h[which, None, None] * 2 - 1).flatten(1)
        grid = torch.stack([gx[:, None, :].expand(-1, 2 * side, -1), gy[:, :, None].expand(-1, -1, 2 * side)], -1)
        fine = F.grid_sample(levels[level][char[which]], grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        coverage[which] = F.avg_pool2d(fine, 2)[:, 0]
    total = torch.zeros(image.shape[0], device=image.device)
    total.index_add_(0, index.reshape(-1), coverage.reshape(-1))
    texts = torch.nonzero(chars[:, 0] >= 0)[:, 0]
    alpha = total.clamp_(max=1)
    # Only the band of rows around a line changes.
    y0 = _window(top[texts, 0] + text_side(p, texts, m) / 2, side, height)
    band = ((y0[:, None] + torch.arange(side, device=image.device)) * width)[:, :, None] + torch.arange(width, device=image.device)
    flat = (texts[:, None, None] * (height * width) + band)
    _paint(image, flat, alpha[flat], colors[texts])


def text_side(p: Packed, rows: torch.Tensor, m: int) -> torch.Tensor:
    """Cell heights in pixels of the given rows."""
    return p["text_xyh"][rows, 2].float() * m
