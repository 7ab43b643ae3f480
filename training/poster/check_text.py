"""Checker, text: compares each character's cell with every glyph by normalised correlation in a small search window.

A line's picture is first turned into one channel: how near a pixel is to the text's colour, 1 on it and 0 at the distance of
the nearest other colour that fills a good part of the line's box.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .render import atlas, text_geometry
from .vocabulary import PALETTE, TEXT_PLACES

CELL, REACH = 32, 6                  # samples a cell; the search goes this many samples each way
MATCH = 0.5                          # least correlation of a character that counts as read
PLACES = torch.tensor(list(TEXT_PLACES.values()))
T_STRING, T_COLOR, T_PLACE = 1, 2, 4


def _correlate(patches: torch.Tensor, glyphs: torch.Tensor) -> torch.Tensor:
    """patches [B, 1, 44, 44], glyphs [G, 1, 32, w] (inner columns) -> correlations [B, G, 13, 13]."""
    w = glyphs.shape[-1]
    inner = patches[..., (CELL - w) // 2: patches.shape[-1] - (CELL - w) // 2]
    zero = glyphs - glyphs.mean((-1, -2), keepdim=True)
    zero = zero / zero.flatten(1).norm(dim=1)[:, None, None, None].clamp(min=1e-6)
    ones = torch.ones(1, 1, CELL, w, device=patches.device)
    total, square = F.conv2d(inner, ones), F.conv2d(inner * inner, ones)
    spread = (square - total * total / (CELL * w)).clamp(min=0.5).sqrt()
    return F.conv2d(inner, zero) / spread


def _shares(classes: torch.Tensor, packed: dict, rows: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Share of each palette colour [B, 12] in the line's box."""
    n, height, width = classes.shape
    m = min(height, width)
    left, _, h = text_geometry({k: packed[k][rows] for k in ("text_chars", "text_xyh")}, torch.zeros(rows.numel(), 36, device=rows.device), height, width)
    half = (width / 2 - left[:, 0])[:, None, None]
    px = (torch.arange(width, device=rows.device) + 0.5 - width / 2).abs()[None, None]
    py = ((torch.arange(height, device=rows.device) + 0.5)[None, :] - y[:, None] * height).abs()[:, :, None]
    box = ((px <= half) & (py <= h[:, None, None] / 2)).float()
    return torch.stack([((classes[rows] == c) * box).sum((1, 2)) for c in range(len(PALETTE))], 1) / box.sum((1, 2))[:, None].clamp(min=1)


def _read(images: torch.Tensor, classes: torch.Tensor, packed: dict, rows: torch.Tensor, color: torch.Tensor, y: torch.Tensor):
    """Reads lines of the stated strings' lengths at height y in a colour.

    Returns correlation with the stated glyphs [B, 8] (-1 where there is no character), whether they are the best of all
    glyphs [B, 8], and the median colour's class [B].
    """
    _, _, height, width = images.shape
    device = images.device
    chars = packed["text_chars"][rows].long()
    geometry = {"text_chars": packed["text_chars"][rows], "text_xyh": torch.stack([torch.full_like(y, 0.5), y, packed["text_xyh"][rows, 2].float()], 1)}
    left, top, h = text_geometry(geometry, torch.zeros(rows.numel(), 36, device=device), height, width)
    palette = torch.tensor(PALETTE, dtype=torch.float32, device=device)
    apart = (palette[color][:, None] - palette[None]).norm(dim=-1)
    present = _shares(classes, packed, rows, y) > 0.10
    present.scatter_(1, color[:, None], False)
    reach = torch.where(present, apart, torch.full_like(apart, 1e9)).amin(1)
    reach = torch.where(reach > 1e8, torch.full_like(reach, 120.0), reach)
    near = (1 - (images[rows] - palette[color][:, :, None, None]).norm(dim=1) / reach[:, None, None]).clamp(0, 1)

    b, s = torch.nonzero(chars >= 0, as_tuple=True)
    side = CELL + 2 * REACH
    at = (torch.arange(side, device=device) - REACH + 0.5) / CELL
    gx = (left[b, s][:, None] + at * h[b][:, None]) / width * 2 - 1
    gy = (top[b, s][:, None] + at * h[b][:, None]) / height * 2 - 1
    grid = torch.stack([gx[:, None, :].expand(-1, side, -1), gy[:, :, None].expand(-1, -1, side)], -1)
    stack = torch.cat([near[:, None], images[rows]], 1)[b]
    patches = F.grid_sample(stack, grid, mode="bilinear", padding_mode="border", align_corners=False)
    glyphs = atlas(str(device))[1]
    score = torch.full(chars.shape, -1.0, device=device)
    right = torch.zeros(chars.shape, dtype=torch.bool, device=device)
    colors = torch.full((rows.numel(), chars.shape[1], 3, CELL * CELL), float("nan"), device=device)
    for latin, w in ((True, 24), (False, 32)):
        which = torch.nonzero((chars[b, s] < 36) == latin)[:, 0]
        if which.numel() == 0:
            continue
        cut = (CELL - w) // 2
        c = _correlate(patches[which, :1], glyphs[..., cut:CELL - cut])
        best, stated = c.amax((-1, -2)), chars[b[which], s[which]]
        own = c[torch.arange(len(which), device=device), stated].flatten(1)
        score[b[which], s[which]] = own.amax(1)
        right[b[which], s[which]] = (best.argmax(1) == stated) & (own.amax(1) > MATCH)
        dy, dx = own.argmax(1) // (2 * REACH + 1), own.argmax(1) % (2 * REACH + 1)
        i = torch.arange(CELL, device=device)
        rgb = patches[which[:, None, None], 1:, (dy[:, None] + i)[:, :, None], (dx[:, None] + i)[:, None, :]]
        ink = glyphs[stated, 0] > 0.97
        rgb = torch.where(ink[..., None], rgb, torch.full_like(rgb, float("nan")))
        colors[b[which], s[which]] = rgb.flatten(1, 2).transpose(1, 2)
    median = torch.nanmedian(colors.transpose(1, 2).flatten(2), dim=2).values
    return score, right, ((median[:, None] - palette[None]) ** 2).sum(-1).argmin(1)


def check_text(images: torch.Tensor, classes: torch.Tensor, packed: dict[str, torch.Tensor], stated: torch.Tensor) -> dict[str, torch.Tensor]:
    """characters [N, 8], text_color [N], text_place [N] as int8 (1 right, 0 wrong, -1 not judged). images in 0 to 255."""
    n, device = images.shape[0], images.device
    out = {"characters": torch.full((n, 8), -1, dtype=torch.int8, device=device)}
    out.update({k: torch.full((n,), -1, dtype=torch.int8, device=device) for k in ("text_color", "text_place")})
    bits = stated[:, 3].long()
    rows_all = torch.nonzero((packed["text_color"] >= 0) & ((bits & T_STRING) > 0))[:, 0]
    for rows in rows_all.split(64):
        _lines(images, classes, packed, bits, rows, out)
    return out


def _lines(images: torch.Tensor, classes: torch.Tensor, packed: dict, bits: torch.Tensor, rows: torch.Tensor, out: dict) -> None:
    device = rows.device
    places = PLACES.to(device)
    told_y, told_color = packed["text_xyh"][rows, 1].float(), packed["text_color"][rows].long()
    placed, colored = (bits[rows] & T_PLACE) > 0, (bits[rows] & T_COLOR) > 0
    count = (packed["text_chars"][rows] >= 0).sum(1)
    mean = torch.full((rows.numel(),), -1.0, device=device)
    right = torch.zeros(rows.numel(), 8, dtype=torch.bool, device=device)
    y, color = told_y.clone(), told_color.clone()

    def attempt(which: torch.Tensor, at: torch.Tensor, c: torch.Tensor) -> None:
        score, good, seen = _read(images, classes, packed, rows[which], c, at)
        line = score.clamp(min=0).sum(1) / count[which]
        better = line > mean[which] + 0.02
        k = which[better]
        mean[k], right[k], y[k], color[k] = line[better], good[better], at[better], seen[better]

    everything = torch.arange(rows.numel(), device=device)
    first = everything[placed & colored]
    if first.numel():
        attempt(first, told_y[first], told_color[first])
    for place in range(3):                                          # the stated colour anywhere
        which = everything[colored & (mean < 0.75) & ~(placed & (told_y == places[place]))]
        if which.numel():
            attempt(which, places[place].expand(which.numel()), told_color[which])
    for place in range(3):                                          # any colour anywhere
        for c in range(len(PALETTE)):
            which = everything[(mean < 0.6) & ~(colored & (told_color == c))]
            if which.numel():
                attempt(which, places[place].expand(which.numel()), torch.full_like(which, c))
    read = mean > 0.35
    exists = packed["text_chars"][rows] >= 0
    minus = torch.full((), -1, dtype=torch.int8, device=device)
    out["characters"][rows] = torch.where(exists, (right & read[:, None]).to(torch.int8), minus)
    out["text_place"][rows] = torch.where(placed, (((y - told_y).abs() < 0.01) & read).to(torch.int8), minus)
    out["text_color"][rows] = torch.where(colored, ((color == told_color) & read).to(torch.int8), minus)
