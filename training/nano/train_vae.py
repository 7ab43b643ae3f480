"""VAE training on posters rendered on the fly: crops first, whole pictures at the end."""

import pathlib

import torch
from torch.nn import functional as F

from . import store, vae
from .ops import autocast, generator
from .optim import Average


def gradients(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def reconstruction(output: torch.Tensor, target: torch.Tensor, c: dict) -> torch.Tensor:
    """L1, squared error, and L1 of the edges at two scales."""
    output = output.float()
    loss = (output - target).abs().mean() + c["square"] * (output - target).pow(2).mean()
    for _ in range(2):
        for a, b in zip(gradients(output), gradients(target)):
            loss = loss + 0.5 * c["gradient"] * (a - b).abs().mean()
        output, target = F.avg_pool2d(output, 2), F.avg_pool2d(target, 2)
    return loss


def crop(pixels: torch.Tensor, center: torch.Tensor, size: int, text_share: float, rng: torch.Generator) -> torch.Tensor:
    """One window per picture, around the text for a share of them."""
    b, channels, h, w = pixels.shape
    device = pixels.device
    random = torch.rand(b, 5, generator=rng, device=device)
    place = random[:, :2]
    near = (center + (random[:, 2:4] - 0.5) * torch.tensor([0.8, 0.3], device=device)).clamp(0, 1)
    place = torch.where(((random[:, 4] < text_share) & (center[:, 1] > 0))[:, None], near, place)
    x = (place[:, 0] * w - size / 2).round().long().clamp(0, w - size)
    y = (place[:, 1] * h - size / 2).round().long().clamp(0, h - size)
    rows = y[:, None] + torch.arange(size, device=device)
    columns = x[:, None] + torch.arange(size, device=device)
    item = torch.arange(b, device=device)[:, None, None]
    return pixels.permute(0, 2, 3, 1)[item, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def batch_pixels(bucket, phase: dict, step: int, c: dict, rng: torch.Generator) -> torch.Tensor:
    """Pixels in [-1, 1], channels last. Every fourth batch of crops is whole posters drawn at the low resolution."""
    index = torch.randint(bucket.count, (phase["batch"],), generator=rng, device=bucket.device)
    size = phase["crop"]
    if size and step % 4 == 0:
        pixels = bucket.render(index, bucket.width // 2, bucket.height // 2, rng)
    else:
        pixels = bucket.render(index, bucket.width, bucket.height, rng)
        if size:
            pixels = crop(pixels, bucket.text_center(index), size, c["text_crops"], rng)
    return pixels.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def measure(model: vae.AutoencoderKL, pool, count: int, batch: int, seed: int) -> dict:
    """PSNR of whole pictures in dB (mean over pictures, after rounding to 8 bits), of the text regions too."""
    rng = generator(seed, pool.device)
    bucket = pool.buckets[0]
    every, text = [], []
    for _ in range(max(1, count // batch)):
        index = torch.randint(bucket.count, (batch,), generator=rng, device=pool.device)
        pixels = bucket.render(index, bucket.width, bucket.height, rng)
        with autocast(pool.device):
            mean, _ = model.encode(pixels.contiguous(memory_format=torch.channels_last))
            out = model.decode(mean.to(memory_format=torch.channels_last))
        levels = lambda x: (x.float() / 2 + 0.5).clamp(0, 1).mul(255).round()
        error = (levels(out) - levels(pixels)).pow(2).mean(1)
        every.append(-10 * torch.log10(error.mean((1, 2)) / 255**2 + 1e-10))
        mask = bucket.text_mask(index, bucket.height, bucket.width)
        inside = (error * mask).sum((1, 2)) / mask.sum((1, 2)).clamp_min(1)
        text.append((-10 * torch.log10(inside / 255**2 + 1e-10))[mask.sum((1, 2)) > 0])
    return {"psnr": float(torch.cat(every).mean()), "psnr_lowest_tenth": float(torch.cat(every).quantile(0.1)),
            "psnr_text": float(torch.cat(text).mean()) if sum(len(x) for x in text) else 0.0}


@torch.no_grad()
def statistics(model: vae.AutoencoderKL, pool, batch: int, seed: int) -> tuple[float, float, list[float]]:
    """Mean and 1 / standard deviation of the latents over both resolutions, and the deviation of each channel."""
    rng = generator(seed, pool.device)
    bucket, means = pool.buckets[0], []
    for part in range(8):
        index = torch.randint(bucket.count, (batch,), generator=rng, device=pool.device)
        shrink = 2 if part % 4 == 0 else 1
        pixels = bucket.render(index, bucket.width // shrink, bucket.height // shrink, rng)
        with autocast(pool.device):
            mean, _ = model.encode(pixels.contiguous(memory_format=torch.channels_last))
        means.append(mean.transpose(0, 1).flatten(1))
    flat = torch.cat(means, 1)
    return float(flat.mean()), 1.0 / float(flat.std()), [round(float(x), 4) for x in flat.std(1)]


def train(config: dict, pool, out: pathlib.Path, seed: int, compiled: bool) -> dict:
    """Writes vae.safetensors (float32) and vae.json (config with scale and shift, and the measures)."""
    c, device = config["vae"], pool.device
    if compiled:
        vae.compile_norms()
    model = vae.AutoencoderKL(dict(config["vae_model"])).to(device).to(memory_format=torch.channels_last)
    extra = {"fused": True} if torch.device(device).type == "cuda" else {}
    adam = torch.optim.AdamW(model.parameters(), lr=c["lr"], betas=(0.9, 0.98), weight_decay=0.0, **extra)
    average = Average(model, c["ema"])
    rng = generator(seed, device)
    log = store.Log(out / "log" / "vae.jsonl", "vae")
    total = sum(phase["steps"] for phase in c["phases"])
    step = 0
    for phase in c["phases"]:
        for _ in range(phase["steps"]):
            rate = min(1.0, (step + 1) / 100) * max(0.0, 1 - step / total) ** 0.8
            for group in adam.param_groups:
                group["lr"] = c["lr"] * rate
            pixels = batch_pixels(pool.buckets[0], phase, step, c, rng)
            with autocast(device):
                mean, logvar = model.encode(pixels)
                spread = torch.exp(0.5 * logvar) + c["noise"]
                z = mean + spread * torch.randn(mean.shape, generator=rng, device=device)
                output = model.decode(z.to(memory_format=torch.channels_last))
            fit = reconstruction(output, pixels, c)
            kl = 0.5 * (mean.pow(2) + logvar.exp() - 1 - logvar).mean()
            (fit + c["kl"] * kl).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
            adam.zero_grad(set_to_none=True)
            average.update()
            log.add(len(pixels))
            step += 1
            if log.due() or step in (total, 2 * total // 3):
                log.line(step=step, steps=total, loss=float(fit), kl=float(kl), lr=rate * c["lr"])
    state = average.state()
    model.load_state_dict(state)
    shift, scale, channels = statistics(model, pool, min(256, c["phases"][0]["batch"]), seed + 1)
    measures = measure(model, pool, c["measured"], min(64, c["phases"][-1]["batch"]), seed + 2)
    model.config.update(scaling_factor=round(scale, 6), shift_factor=round(shift, 6))
    log.line(step=step, shift=shift, scale=scale, **measures)
    print(f"[vae] deviation by channel {channels}", flush=True)
    store.write(out / "vae.safetensors", {k: v.float() for k, v in state.items()})
    store.write_json(out / "vae.json", {"config": model.config, "channels": channels, **measures})
    return measures


def load(out: pathlib.Path, device) -> vae.AutoencoderKL:
    model = vae.AutoencoderKL(store.read_json(out / "vae.json")["config"])
    model.load_state_dict(store.read(out / "vae.safetensors"))
    return model.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
