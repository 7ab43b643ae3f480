"""The latent cache: every poster of the pool once at its own size and once at half of it, scaled, in bfloat16."""

import pathlib
import time

import torch

from . import store, train_vae
from .ops import autocast, generator


@torch.no_grad()
def encode(model, bucket, shrink: int, batch: int, rng, log, late) -> torch.Tensor:
    """Latents of the bucket's posters, as many of them as there is time for: `late()` says when it is over."""
    width, height = bucket.width // shrink, bucket.height // shrink
    batch = min(bucket.batch(batch), bucket.count)
    result = torch.empty(bucket.count, 16, height // 8, width // 8, dtype=torch.bfloat16, device=bucket.device)
    done = 0
    while done < bucket.count and (done == 0 or not late()):
        # All batches have one size: the last one reaches back, which saves the compiler and cuDNN another shape.
        start = min(done, bucket.count - batch)
        index = torch.arange(start, start + batch, device=bucket.device)
        pixels = bucket.render(index, width, height, rng).contiguous(memory_format=torch.channels_last)
        with autocast(bucket.device):
            mean, _ = model.encode(pixels)
        result[start : start + batch] = model.scale(mean).to(torch.bfloat16)
        done = start + batch
        log.add(batch)
        if done % (8 * batch) == 0 and bucket.device.type == "cuda":
            torch.cuda.synchronize()  # so that the clock sees the work, not its launching
        if log.due():
            log.line(width=width, height=height, done=done, of=bucket.count)
    return result[:done]


def build(config: dict, pool, out: pathlib.Path, seed: int, seconds: float) -> dict:
    """{"low": [one tensor per bucket], "native": [...]} on the device; encoding anew is quicker than keeping it on a disk. The low stage
    has the first bucket only. What there is no time for leaves the pool."""
    model = train_vae.load(out, pool.device)
    log = store.Log(out / "log" / "latents.jsonl", "latents")
    start, batch = time.monotonic(), config["latents"]["batch"]
    late = lambda: time.monotonic() - start > 0.8 * seconds  # the low latents need the rest
    result = {"low": [None] * len(pool.buckets), "native": [None] * len(pool.buckets)}
    for i in reversed(range(len(pool.buckets))):
        bucket = pool.buckets[i]
        result["native"][i] = encode(model, bucket, 1, batch, generator(seed + i, pool.device), log, late)
        bucket.keep(len(result["native"][i]))
    result["low"][0] = encode(model, pool.buckets[0], 2, 4 * batch, generator(seed + 9, pool.device), log, lambda: False)
    values = result["native"][0][:4096].float()
    measures = {"mean": float(values.mean()), "deviation": float(values.std()), "largest": float(values.abs().max()),
                "scenes": [bucket.count for bucket in pool.buckets]}
    log.line(**measures)
    store.write_json(out / "latents.json", measures)
    return result
