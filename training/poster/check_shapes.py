"""Checker, shapes: finds each stated shape by the overlap of its colour's mask with every kind's mask.

Works on masks scaled so that min(W, H) is 128. For a colour's mask M and a kind's mask T at one radius and position,
overlap = sum(M T) / (sum(T) + sum(M in a disc of 1.35 times the size's largest r) - sum(M T)). All positions come from one FFT product. The place
where a contained shape covers its container is left out of the sums.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F

from . import shapes
from .vocabulary import KINDS, PALETTE, RADII

SIDE, HALF = 128, 43                 # working size and half the largest template window
SCALES = [r * f for r in RADII for f in (0.93, 1.0, 1.07)]
DISC = 1.35                          # radius of the disc around a shape in which its colour counts
CLOSE = 64.0                         # a pixel has a palette colour when it is this near in RGB (0 to 255)
OVERLAP = 0.6                        # least overlap of a shape that counts as found
NEAR = 0.08                          # largest distance from the stated place, in units of min(W, H)
LOCAL, STEP = 7, 16                  # kinds compete within this many working pixels; rows at a time
KIND, COLOR, PLACE, SIZE = 1, 2, 4, 8


def classify(images: torch.Tensor) -> torch.Tensor:
    """Index of the nearest palette colour of each pixel, -1 when none is within CLOSE; images [N, 3, H, W] in 0 to 255 -> [N, H, W] int8."""
    palette = torch.tensor(PALETTE, dtype=torch.float32, device=images.device)
    best = torch.full_like(images[:, 0], 1e9)
    out = torch.zeros_like(images[:, 0], dtype=torch.int8)
    for i in range(len(PALETTE)):
        d = ((images - palette[i][None, :, None, None]) ** 2).sum(1)
        out = torch.where(d < best, torch.full_like(out, i), out)
        best = torch.minimum(best, d)
    return torch.where(best > CLOSE * CLOSE, torch.full_like(out, -1), out)


@lru_cache(maxsize=64)
def _templates(content: int, rows: int, columns: int, device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Conjugate spectra of the kinds [10, S, ..] and of the discs [S, ..], and the kinds' areas [10, S]."""
    i = torch.arange(-HALF, HALF + 1, dtype=torch.float32, device=device)
    x, y = i[None, :], i[:, None]
    keep = torch.ones(2 * HALF + 1, 2 * HALF + 1, device=device)
    if content >= 0:
        r = RADII[0] * SIDE
        keep = (shapes.distance(content, x / r, y / r) * r > 2.0).float()
    kinds, discs = [], []
    for scale in SCALES:
        r = scale * SIDE
        kinds.append(torch.stack([(0.5 - shapes.distance(k, x / r, y / r) * r).clamp(0, 1) * keep for k in range(len(KINDS))]))
        largest = next(v for v in RADII if v * 1.08 > scale) * 1.07 * SIDE      # one disc for the scales of one size
        discs.append((torch.sqrt(x * x + y * y) <= DISC * largest).float() * keep)
    t, d = torch.stack(kinds, 1), torch.stack(discs)
    area = t.sum((-1, -2))

    def spectrum(v: torch.Tensor) -> torch.Tensor:
        full = torch.zeros(*v.shape[:-2], rows, columns, device=device)
        full[..., :2 * HALF + 1, :2 * HALF + 1] = v
        return torch.fft.rfft2(torch.roll(full, (-HALF, -HALF), (-2, -1))).conj()

    return spectrum(t), spectrum(d), area


def _fast(n: int) -> int:
    """The next size that an FFT likes: a multiple of 2, 3 and 5 only."""
    while True:
        rest = n
        for f in (2, 3, 5):
            while rest % f == 0:
                rest //= f
        if rest == 1:
            return n
        n += 1


def overlaps(masks: torch.Tensor, kind: torch.Tensor, content: int, window: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Best overlap of any kind in `window` [B, h, w]; and of each kind and scale [B, 10, S] around the place in the window
    where the stated kind [B] fits best."""
    b, h, w = masks.shape
    rows, columns = _fast(h + 2 * HALF), _fast(w + 2 * HALF)
    # Beyond the canvas the border's colour goes on, so that a plain background at the edge does not look like a shape.
    masks = F.pad(F.pad(masks[:, None], (HALF, HALF, HALF, HALF), mode="replicate")[:, 0], (0, columns - w - 2 * HALF, 0, rows - h - 2 * HALF))
    kinds, discs, area = _templates(content, rows, columns, str(masks.device))
    py = torch.arange(h, device=masks.device)[None, :, None]
    px = torch.arange(w, device=masks.device)[None, None, :]
    top, local = [], []
    for start in range(0, b, STEP):
        m = torch.fft.rfft2(masks[start:start + STEP])[:, None]
        around = torch.fft.irfft2(m * discs[None], s=(rows, columns))[:, None, :, HALF:HALF + h, HALF:HALF + w]
        iou = torch.fft.irfft2(m[:, None] * kinds[None], s=(rows, columns))[..., HALF:HALF + h, HALF:HALF + w]
        iou = iou / (area[None, :, :, None, None] + around - iou).clamp_(min=1.0)
        part = window[start:start + STEP]
        iou.masked_fill_(~part[:, None, None], -1.0)
        best = iou.amax((-1, -2))
        top.append(best.flatten(1).amax(1))
        own = iou[torch.arange(len(part), device=masks.device), kind[start:start + STEP]].amax(1).flatten(1).argmax(1)
        y, x = (own // w)[:, None, None], (own % w)[:, None, None]
        here = (py - y) ** 2 + (px - x) ** 2 <= LOCAL ** 2
        local.append(iou.masked_fill_(~here[:, None, None], -1.0).amax((-1, -2)))
    return torch.cat(top), torch.cat(local)


def _near(x: torch.Tensor, y: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Positions within NEAR of the nominal centres [B] (shares of W and H), as [B, h, w]."""
    px = (torch.arange(w, device=x.device) + 0.5)[None, None]
    py = (torch.arange(h, device=x.device) + 0.5)[None, :, None]
    d = (px - x[:, None, None] * w) ** 2 + (py - y[:, None, None] * h) ** 2
    return d <= (NEAR * SIDE) ** 2


def check_shapes(classes: torch.Tensor, packed: dict[str, torch.Tensor], stated: torch.Tensor) -> dict[str, torch.Tensor]:
    """Per shape [N, 3]: kind, color, place, size as int8 (1 right, 0 wrong, -1 not judged)."""
    n, height, width = classes.shape
    m, device = min(height, width), classes.device
    h, w = round(height * SIDE / m), round(width * SIDE / m)
    out = {k: torch.full((n, 3), -1, dtype=torch.int8, device=device) for k in ("kind", "color", "place", "size")}
    kinds, colors, inside = (packed[k].long() for k in ("shape_kind", "shape_color", "shape_inside"))
    for slot in range(3):
        rows = torch.nonzero((kinds[:, slot] >= 0) & (stated[:, slot] > 0))[:, 0]
        for row_list, content in _by_content(rows, slot, inside, kinds):
            _slot(classes, packed, stated, out, row_list, slot, content, h, w)
    return out


def _by_content(rows: torch.Tensor, slot: int, inside: torch.Tensor, kinds: torch.Tensor):
    content = torch.full_like(rows, -1)
    for other in range(slot + 1, 3):
        content = torch.where(inside[rows, other] == slot, kinds[rows, other], content)
    for c in content.unique().tolist():
        yield rows[content == c], c


def _slot(classes: torch.Tensor, packed: dict, stated: torch.Tensor, out: dict, rows: torch.Tensor, slot: int, content: int, h: int, w: int) -> None:
    bits = stated[rows, slot].long()
    kind, color = packed["shape_kind"][rows, slot].long(), packed["shape_color"][rows, slot].long()
    xyr = packed["shape_xyr"][rows, slot].float()
    placed, colored = (bits & PLACE) > 0, (bits & COLOR) > 0
    everywhere = torch.ones(rows.numel(), h, w, dtype=torch.bool, device=rows.device)
    near = torch.where(placed[:, None, None], _near(xyr[:, 0], xyr[:, 1], h, w), everywhere)
    best = torch.zeros(rows.numel(), len(KINDS), len(SCALES), device=rows.device)
    reached = torch.zeros(rows.numel(), device=rows.device)
    color_ok, place_ok = torch.zeros_like(placed), torch.zeros_like(placed)

    def attempt(which: torch.Tensor, color: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        """Matches rows `which` with a colour each; keeps what beats OVERLAP and what was found before; says which did."""
        mask = (classes[rows[which]] == color[:, None, None]).float()
        mask = F.adaptive_avg_pool2d(mask[:, None], (h, w))[:, 0]
        top, found = overlaps(mask, kind[which], content, window[which])
        value = top + (found.amax(2).argmax(1) == kind[which]).float()      # the stated kind is preferred to any other
        good = (top > OVERLAP) & (value > reached[which])
        best[which[good]], reached[which[good]] = found[good], value[good]
        return which[good]

    idx = torch.nonzero(colored)[:, 0]
    if idx.numel():                                                 # the stated colour at the stated place
        hit = attempt(idx, color[idx], near)
        color_ok[hit], place_ok[hit] = True, True
    idx = torch.nonzero(colored & placed & ~color_ok)[:, 0]
    if idx.numel():                                                 # the stated colour elsewhere
        color_ok[attempt(idx, color[idx], everywhere)] = True
    left = ~place_ok
    taken = _taken(packed, rows, slot, colored)
    for c in range(len(PALETTE)):                                   # another colour at the stated place, or unknown colour
        idx = torch.nonzero(left & ~color_ok & ~taken[:, c] & ~(colored & (color == c)))[:, 0]
        if idx.numel():
            place_ok[attempt(idx, torch.full_like(idx, c), near)] = True
    per_kind = best.amax(2)
    kind_ok = (per_kind.argmax(1) == kind) & (per_kind.amax(1) > OVERLAP)
    size_ok = (best.amax(1).argmax(1) // 3 == torch.searchsorted(torch.tensor(RADII, device=rows.device) + 0.01, xyr[:, 2].contiguous())) & (per_kind.amax(1) > OVERLAP)
    for name, bit, ok in (("kind", KIND, kind_ok), ("color", COLOR, color_ok), ("place", PLACE, place_ok), ("size", SIZE, size_ok)):
        out[name][rows, slot] = torch.where((bits & bit) > 0, ok.to(torch.int8), torch.full_like(ok, -1, dtype=torch.int8))


def _taken(packed: dict, rows: torch.Tensor, slot: int, colored: torch.Tensor) -> torch.Tensor:
    """Colours [B, 12] of the background and, where the shape's own colour is stated, of the other shapes: a shape of a wrong
    or unknown colour is not looked for in them."""
    taken = torch.zeros(rows.numel(), len(PALETTE), dtype=torch.bool, device=rows.device)
    taken.scatter_(1, packed["bg_color"][rows].long(), True)
    for other in range(3):
        if other != slot:
            c = packed["shape_color"][rows, other].long()
            other_rows = torch.nonzero((c >= 0) & colored)[:, 0]
            taken[other_rows, c[other_rows]] = True
    return taken
