"""The quality filter's view of colours: which ones stand out clearly from which background."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .vocabulary import PALETTE

CLEAR = 39.5        # CIE76 distance that counts as clearly different
CLEAR_MIX = 33.0    # the same inside a gradient, where the colour under a shape is a mixture
CLEAR_RGB = 78.0    # and the same in RGB, 0 to 255


def _lab(rgb: np.ndarray) -> np.ndarray:
    c = rgb / 255.0
    c = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    m = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x = c @ m.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


_RGB = np.array(PALETTE, dtype=np.float64)
_LAB = _lab(_RGB)
DISTANCE = np.linalg.norm(_LAB[:, None] - _LAB[None], axis=-1)
CLEARLY = [[bool(v > CLEAR) for v in row] for row in DISTANCE]
PARTNERS = [[j for j in range(12) if CLEARLY[i][j]] for i in range(12)]


@lru_cache(maxsize=None)
def allowed_on(kind: int, first: int, second: int) -> tuple[int, ...]:
    """Colours that stand out from a background: plain (0), gradient (1) or stripes (2) of one or two colours."""
    if kind == 0:
        return tuple(PARTNERS[first])
    both = [c for c in range(12) if CLEARLY[c][first] and CLEARLY[c][second]]
    if kind == 1:
        mixes = _RGB[first] + (_RGB[second] - _RGB[first]) * np.linspace(0, 1, 17)[:, None]
        both = [c for c in both if np.linalg.norm(_lab(mixes) - _LAB[c], axis=-1).min() > CLEAR_MIX
                and np.linalg.norm(mixes - _RGB[c], axis=-1).min() > CLEAR_RGB]
    return tuple(both)
