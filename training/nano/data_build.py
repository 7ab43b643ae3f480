"""Between the poster package and the training: tokenizer, scenes and captions, the held-out set, and the checker."""

import json
import pathlib

import numpy as np
import torch

from poster import dataset
from poster import tokenizer as bpe

from . import config as settings
from . import store


def tokenizer(out: pathlib.Path) -> None:
    bpe.save(bpe.train(), out / "tokenizer")


def scenes(config: dict, out: pathlib.Path, seed: int) -> None:
    """Writes data.pt: one entry per canvas size with packed scenes, token ids and lengths, and the empty caption's ids."""
    c = config["data"]
    encoder = bpe.Encoder(out / "tokenizer")
    shares = tuple(share for _, share in settings.BUCKETS)
    built = dataset.build(c["scenes"], seed, shares, c["processes"] or None, out / "tokenizer")
    buckets = []
    for bucket in built:
        packed = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in bucket.packed.items()}
        buckets.append({"size": (bucket.width, bucket.height), "packed": packed,
                        "tokens": torch.from_numpy(bucket.tokens), "lengths": torch.from_numpy(bucket.lengths)})
        groups = np.bincount((bucket.lengths.reshape(-1) + 31) // 32, minlength=4)
        print(f"[data] {bucket.width}x{bucket.height}: {len(bucket)} scenes, captions by padded length "
              f"{dict(zip((32, 64, 96), groups[1:].tolist()))}, with text {float((bucket.packed['text_chars'][:, 0] >= 0).mean()):.3f}",
              flush=True)
    store.save_state(out / "data.pt", {"buckets": buckets, "empty": torch.tensor(encoder.encode_chat("")), "vocabulary": encoder.size})


def encode(out: pathlib.Path, captions: list[str]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Padded ids, lengths, and the empty caption's ids."""
    encoder = bpe.Encoder(out / "tokenizer")
    tokens, lengths = dataset.encode_captions(captions, encoder)
    return torch.from_numpy(tokens).long(), torch.from_numpy(lengths).long(), torch.tensor(encoder.encode_chat(""))


def heldout(out: pathlib.Path) -> list[dict]:
    """Scenes of the held-out captions as the contract's JSON objects."""
    path = pathlib.Path(__file__).resolve().parents[2] / "models" / "nano" / "heldout.jsonl"
    if not path.exists():
        path = out / "heldout.jsonl"
    if not path.exists():
        write_heldout(path)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def write_heldout(path: pathlib.Path, count: int = 500) -> None:
    import random

    from poster.caption import describe
    from poster.scene import Generator, to_json

    generator, rng = Generator(99, 256, 256, True), random.Random(99)
    rows = []
    for i in range(count):
        scene = generator.scene()
        rows.append(to_json(scene, describe(scene, ("en", "zh")[i % 2], rng, True)))
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")


def check(scenes: list[dict], pictures: list[torch.Tensor]) -> dict:
    """Rates in [0, 1] of what the pictures hold of what the captions state."""
    try:
        from poster import check as checker
    except ImportError:
        return {}
    return checker.rates(scenes, pictures)
