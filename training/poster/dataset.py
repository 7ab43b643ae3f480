"""The training set: scenes, captions and token ids as arrays, made by several processes, the same for any number of them."""

from __future__ import annotations

import multiprocessing
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .caption import Caption, describe
from .pack import pack, unpack
from .scene import Generator, Scene, to_json
from .tokenizer import Encoder
from .vocabulary import BUCKETS, MAX_SHAPES, SHARES

TOKENIZER = Path(__file__).parents[2] / "models" / "nano" / "tokenizer"
MAX_TOKENS = 96
LANGUAGES = ("en", "zh")                 # caption variants of each scene
LOOSE_SHARE = 0.2                        # of the captions that name no places of free shapes: the networks are to choose one, not all
ALONE = 0.85                             # see caption.describe
CHUNK, SURPLUS = 1000, 1.04              # scenes a task; what is made more than asked for, to make up for duplicates


@dataclass
class Bucket:
    """All scenes of one canvas size.

    packed: see pack.pack. tokens int16 [N, 2, 96] (English, Chinese; padded with <|endoftext|>), lengths int16 [N, 2],
    stated uint8 [N, 2, 5]: bits of shapes 0 to 2, text, background (see caption.py).
    """
    width: int
    height: int
    packed: dict[str, np.ndarray]
    tokens: np.ndarray
    lengths: np.ndarray
    stated: np.ndarray
    blobs: list[bytes] = field(repr=False, default_factory=list)
    origin: np.ndarray | None = field(repr=False, default=None)

    def __len__(self) -> int:
        return len(self.lengths)

    def scene(self, i: int, variant: int = 0) -> tuple[Scene, Caption]:
        """Scene and caption of row i; variant 0 English, 1 Chinese."""
        scene = unpack(self.packed, i, self.width, self.height)
        chunk, line = divmod(int(self.origin[i]), CHUNK)
        text = self.blobs[chunk].decode("utf-8").split("\n")[line * 2 + variant]
        bits = self.stated[i, variant].tolist()
        return scene, Caption(text, LANGUAGES[variant], tuple(bits[:len(scene.shapes)]), bits[3], bits[4])

    def json(self, i: int, variant: int = 0) -> dict:
        """Row i as the JSON object of the contract."""
        return to_json(*self.scene(i, variant))


_encoder: Encoder | None = None


def _start(tokenizer: str) -> None:
    global _encoder
    _encoder = Encoder(tokenizer)


def encode_captions(captions: list[str], encoder: Encoder, most: int = MAX_TOKENS) -> tuple[np.ndarray, np.ndarray]:
    """Padded ids int16 [N, most] and lengths int16 [N]."""
    tokens = np.full((len(captions), most), encoder.pad, np.int16)
    lengths = np.zeros(len(captions), np.int16)
    for i, c in enumerate(captions):
        ids = encoder.encode_chat(c)[:most]
        tokens[i, :len(ids)] = ids
        lengths[i] = len(ids)
    return tokens, lengths


def _chunk(task: tuple[int, int, int, int]) -> tuple:
    """One chunk of scenes: packed arrays, ids, lengths, stated bits, signatures, captions."""
    seed, width, height, number = task
    generator = Generator(f"{seed}/{width}x{height}/{number}", width, height)
    rng = random.Random(f"{seed}/{width}x{height}/{number}/captions")
    scenes, signatures, captions, tokens, lengths, stated = [], [], [], [], [], []
    encoder, seen = _encoder, set()
    while len(scenes) < CHUNK:
        scene = generator.scene()
        key = scene.signature()
        if key in seen:
            continue
        seen.add(key)
        scenes.append(scene)
        signatures.append(key)
        for language in LANGUAGES:
            while True:
                c = describe(scene, language, rng, loose=rng.random() < LOOSE_SHARE, alone=ALONE)
                ids = encoder.encode_chat(c.caption)
                if len(ids) <= MAX_TOKENS:
                    break
            captions.append(c.caption)
            lengths.append(len(ids))
            tokens.append(ids + [encoder.pad] * (MAX_TOKENS - len(ids)))
            stated.append((*c.shapes, *(0,) * (MAX_SHAPES - len(c.shapes)), c.text, c.background))
    n = len(scenes)
    return (pack(scenes), np.array(tokens, np.int16).reshape(n, 2, MAX_TOKENS), np.array(lengths, np.int16).reshape(n, 2),
            np.array(stated, np.uint8).reshape(n, 2, 5), np.array(signatures, np.int64), "\n".join(captions).encode("utf-8"))


def build(count: int, seed: int, shares: tuple[float, ...] = SHARES, processes: int | None = None,
          tokenizer: str | Path = TOKENIZER) -> list[Bucket]:
    """`count` different scenes with an English and a Chinese caption each, none of them held out, one Bucket for each of
    vocabulary.BUCKETS with a share above 0. The result depends on count, seed and shares only."""
    processes = processes or os.cpu_count() or 1
    wanted = [round(count * s) for s in shares]
    wanted[0] += count - sum(wanted)
    tasks = [(seed, w, h, i) for (w, h), n in zip(BUCKETS, wanted) if n for i in range(-(-int(n * SURPLUS) // CHUNK))]
    if processes == 1:
        _start(str(tokenizer))
        results = [_chunk(t) for t in tasks]
    else:
        with multiprocessing.get_context("fork").Pool(processes, _start, (str(tokenizer),)) as pool:
            results = pool.map(_chunk, tasks, chunksize=1)
    buckets = []
    for (w, h), n in zip(BUCKETS, wanted):
        if n:
            buckets.append(_gather([r for t, r in zip(tasks, results) if t[1:3] == (w, h)], w, h, n))
    return buckets


def _gather(parts: list[tuple], width: int, height: int, count: int) -> Bucket:
    signatures = np.concatenate([p[4] for p in parts])
    _, first = np.unique(signatures, return_index=True)
    kept = np.sort(first)[:count]
    packed = {k: np.concatenate([p[0][k] for p in parts])[kept] for k in parts[0][0]}
    tokens, lengths, stated = (np.concatenate([p[i] for p in parts])[kept] for i in (1, 2, 3))
    return Bucket(width, height, packed, tokens, lengths, stated, [p[5] for p in parts], kept)
