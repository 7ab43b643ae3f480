"""Between the poster package and the training: tokenizer, scenes and captions, the held-out set, and the checker."""

import json
import pathlib

import numpy as np
import torch

from poster import check as checker
from poster import dataset
from poster import heldout as heldout_captions
from poster import tokenizer as bpe
from poster.vocabulary import SHARES

from . import store


def tokenizer(out: pathlib.Path) -> None:
    bpe.save(bpe.train(), out / "tokenizer")


def scenes(config: dict, out: pathlib.Path, seed: int) -> None:
    """Writes data.pt: one entry per canvas size with packed scenes, token ids and lengths, and the empty caption's ids."""
    c = config["data"]
    encoder = bpe.Encoder(out / "tokenizer")
    shares = SHARES[: c["canvases"]]
    built = dataset.build(c["scenes"], seed, tuple(share / sum(shares) for share in shares), c["processes"] or None, out / "tokenizer")
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


def heldout(out: pathlib.Path, count: int, validation: bool = False) -> list[dict]:
    """`count` of the held-out captions with their scenes, evenly out of the list so that every kind is among them; or of others from
    another seed, for the choices that the training makes itself."""
    path = out / ("validation.jsonl" if validation else "heldout.jsonl")
    if not path.exists():
        changes = {"seed": heldout_captions.SEED + 1, "count": max(count, 250)} if validation else {}
        rows = heldout_captions.items(tokenizer=out / "tokenizer", **changes)
        path.write_text("".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows), encoding="utf-8")
    items = checker.load(path)
    return [items[i * len(items) // count] for i in range(count)] if count < len(items) else items


def sized(out: pathlib.Path, width: int, height: int, count: int) -> list[dict]:
    """Held-out captions of another canvas."""
    return checker.parse(heldout_captions.items(count, width=width, height=height, tokenizer=out / "tokenizer"))


def check(items: list[dict], pictures: list[torch.Tensor]) -> dict:
    """Rates in [0, 1] of what the pictures hold of what the captions state; `attributes` is kind, colour and place together."""
    groups: dict = {}
    for i, item in enumerate(items):
        groups.setdefault((item["width"], item["height"]), []).append(i)
    results = []
    for members in groups.values():
        images = torch.stack([pictures[i] for i in members])
        packed, stated = checker.batch([items[i] for i in members], images.device)
        results.append(checker.check(images, packed, stated))
    counts = checker.summary(*results)
    counts["attributes"] = tuple(sum(counts[name][i] for name in ("kind", "color", "place")) for i in (0, 1))
    return {name: right / max(judged, 1) for name, (right, judged) in counts.items()}
