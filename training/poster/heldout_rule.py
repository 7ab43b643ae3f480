"""Which combinations are kept out of training: a stable hash decides, so that every tool agrees."""

from __future__ import annotations

import zlib
from functools import lru_cache

from .vocabulary import COLOR_NAMES, KINDS, PLACE_NAMES

SHARE = 6  # percent


def _held(key: str) -> bool:
    return zlib.crc32(key.encode("utf-8")) % 100 < SHARE


# TRIPLES[kind][color][place]: True where the combination is held out.
TRIPLES = [[[_held(f"{k}|{c}|{p}") for p in PLACE_NAMES] for c in COLOR_NAMES] for k in KINDS]


@lru_cache(maxsize=1 << 20)
def text_held_out(text: str) -> bool:
    """Whether a text string is held out."""
    return _held("text|" + text)
