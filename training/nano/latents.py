"""The latent cache: every poster of the pool once at its own size and once at half of it, scaled, in bfloat16."""

import pathlib

import torch

from . import store, train_vae
from .ops import autocast, generator


@torch.no_grad()
def encode(model, bucket, shrink: int, batch: int, rng, log) -> torch.Tensor:
    width, height = bucket.width // shrink, bucket.height // shrink
    result = torch.empty(bucket.count, 16, height // 8, width // 8, dtype=torch.bfloat16, device=bucket.device)
    for start in range(0, bucket.count, batch):
        index = torch.arange(start, min(start + batch, bucket.count), device=bucket.device)
        pixels = bucket.render(index, width, height, rng).contiguous(memory_format=torch.channels_last)
        with autocast(bucket.device):
            mean, _ = model.encode(pixels)
        result[index] = model.scale(mean).to(torch.bfloat16)
        log.add(len(index))
        if log.due():
            log.line(width=width, height=height, done=start + len(index), of=bucket.count)
    return result


def build(config: dict, pool, out: pathlib.Path, seed: int) -> dict:
    """{"low": [one tensor per bucket], "native": [...]} on the device; encoding anew is quicker than keeping it on a disk."""
    model = train_vae.load(out, pool.device)
    log = store.Log(out / "log" / "latents.jsonl", "latents")
    result = {}
    for name, shrink in (("low", 2), ("native", 1)):
        rng = generator(seed + shrink, pool.device)
        batch = config["latents"]["batch"] * shrink * shrink
        result[name] = [encode(model, bucket, shrink, batch, rng, log) for bucket in pool.buckets]
    values = result["native"][0][:4096].float()
    measures = {"mean": float(values.mean()), "deviation": float(values.std()), "largest": float(values.abs().max())}
    log.line(**measures)
    store.write_json(out / "latents.json", measures)
    return result
