"""VAE training on a pool of rendered posters: small crops first, most of them of text, then larger ones, whole pictures at the end,
and now and then whole ones of half the size. Many small steps teach it more in the same time than few large ones."""

import math
import pathlib

import torch
from torch.nn import functional as F

from . import store, vae
from .graphs import Graphs
from .ops import autocast, generator
from .optim import Average, Clock, Optimizer, trapezoid


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


class Pictures:
    """Posters as levels 0 to 255, rendered once: the native size, and half of it."""

    def __init__(self, bucket, count: int, rng: torch.Generator):
        self.rng, self.device = rng, bucket.device
        index = torch.randperm(bucket.count, generator=rng, device=bucket.device)[:count]
        self.center = bucket.text_center(index)
        self.large = self.render(bucket, index, 1)
        self.small = self.render(bucket, index[: max(1, count // 2)], 2)

    def render(self, bucket, index: torch.Tensor, shrink: int) -> torch.Tensor:
        parts = [bucket.render(part, bucket.width // shrink, bucket.height // shrink, self.rng) for part in index.split(512)]
        return torch.cat([part.add_(1).mul_(127.5).round_().byte().permute(0, 2, 3, 1).contiguous() for part in parts])

    def chosen(self, count: int, of: int) -> torch.Tensor:
        return torch.randint(of, (count,), generator=self.rng, device=self.device)

    def whole(self, small: bool, count: int) -> torch.Tensor:
        source = self.small if small else self.large
        return pixels(source[self.chosen(count, len(source))])

    def crops(self, count: int, size: int, text_share: float) -> torch.Tensor:
        """One window per picture, around the text for a share of them."""
        item = self.chosen(count, len(self.large))
        h, w = self.large.shape[1:3]
        random = torch.rand(count, 5, generator=self.rng, device=self.device)
        center, place = self.center[item], random[:, :2]
        near = (center + (random[:, 2:4] - 0.5) * torch.tensor([0.8, 0.3], device=self.device)).clamp(0, 1)
        place = torch.where(((random[:, 4] < text_share) & (center[:, 1] > 0))[:, None], near, place)
        x = (place[:, 0] * w - size / 2).round().long().clamp(0, w - size)
        y = (place[:, 1] * h - size / 2).round().long().clamp(0, h - size)
        rows = y[:, None] + torch.arange(size, device=self.device)
        columns = x[:, None] + torch.arange(size, device=self.device)
        return pixels(self.large[item[:, None, None], rows[:, :, None], columns[:, None, :]])

    def batch(self, phase: dict, step: int, text_share: float) -> torch.Tensor:
        """Pixels in [-1, 1], channels last; every eighth batch is whole posters of half the size."""
        if step % 8 == 0:
            return self.whole(True, phase["small_batch"])
        return self.crops(phase["batch"], phase["crop"], text_share) if phase["crop"] else self.whole(False, phase["batch"])


def pixels(levels: torch.Tensor) -> torch.Tensor:
    """Levels (batch, height, width, 3) -> pixels in [-1, 1], (batch, 3, height, width) in channels-last order."""
    return levels.float().div_(127.5).sub_(1).permute(0, 3, 1, 2)


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
            out = model.decode(mean.contiguous(memory_format=torch.channels_last))
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


class Trainer:
    """The networks, and one step of them. Muon trains the filters: 200 steps of 8 crops on a processor
    ended at 18.7 dB in crops of text, those with AdamW at 12.6."""

    def __init__(self, config: dict, device: torch.device, seed: int, compiled: bool):
        c = self.c = config["vae"]
        self.device = torch.device(device)
        if compiled:
            vae.compile_norms()
        self.model = vae.AutoencoderKL(dict(config["vae_model"])).to(device).to(memory_format=torch.channels_last)
        self.optimizer = Optimizer({"vae": self.model}, c["muon_lr"], c["lr"])
        self.average = Average(self.model, c["ema"])
        self.rng = generator(seed, device)
        self.graphs = Graphs(c["graphs"], self.device)

    def update(self, inputs: dict) -> dict:
        self.optimizer.clear()
        target, noise = inputs["target"], inputs["noise"]
        with autocast(self.device):
            mean, logvar = self.model.encode(target)
            z = mean + (torch.exp(0.5 * logvar) + self.c["noise"]) * noise
            output = self.model.decode(z.contiguous(memory_format=torch.channels_last))
        fit = reconstruction(output, target, self.c)
        kl = 0.5 * (mean.pow(2) + logvar.exp() - 1 - logvar).mean()
        (fit + self.c["kl"] * kl).backward()
        self.optimizer.step(clip=1.0)
        return {"loss": fit.detach(), "kl": kl.detach()}

    def step(self, target: torch.Tensor, rate: float) -> dict:
        b, _, h, w = target.shape
        channels = self.model.config["latent_channels"]
        noise = torch.randn(b, channels, h // 8, w // 8, generator=self.rng, device=self.device)
        self.optimizer.lr(rate)
        values = self.graphs(tuple(target.shape), self.update, {"target": target, "noise": noise})
        self.average.update()
        return values


def train(config: dict, pool, out: pathlib.Path, seed: int, compiled: bool, seconds: float) -> dict:
    """Writes vae.safetensors (float32) and vae.json (config with scale and shift, and the measures)."""
    c, device = config["vae"], pool.device
    clock = Clock(c["steps"], seconds)
    worker = Trainer(config, device, seed, compiled)
    log = store.Log(out / "log" / "vae.jsonl", "vae")
    with worker.graphs.stage():
        pictures = Pictures(pool.buckets[0], c["pictures"], worker.rng)
        log.line(pictures=len(pictures.large))
        good, calm = worker.average.state(), 1.0
        while (progress := clock.progress()) < 1:
            phase = next(phase for phase in c["phases"] if progress < phase["until"])
            rate = calm * trapezoid(clock.step, progress, c["warmup"], c["decay_from"])
            target = pictures.batch(phase, clock.step, c["text_crops"])
            values = worker.step(target, rate)
            log.add(len(target))
            clock.step += 1
            if log.due() or clock.step == 1:
                numbers = {name: float(value) for name, value in values.items()}
                if all(math.isfinite(value) for value in numbers.values()):
                    good = worker.average.state()
                else:  # back to the last good weights, with half the learning rate
                    calm *= 0.5
                    worker.average.restore(good)
                    worker.average.push()
                    worker.optimizer.forget()
                log.line(step=clock.step, progress=progress, **numbers, lr=rate, crop=phase["crop"])
    del pictures
    worker.graphs.clear()
    model, state = worker.model, worker.average.state()
    model.load_state_dict(state)
    shift, scale, channels = statistics(model, pool, 96, seed + 1)
    measures = measure(model, pool, c["measured"], 24, seed + 2)
    model.config.update(scaling_factor=round(scale, 6), shift_factor=round(shift, 6))
    log.line(step=clock.step, shift=shift, scale=scale, **measures)
    print(f"[vae] deviation by channel {channels}", flush=True)
    store.write_json(out / "vae.json", {"config": model.config, "channels": channels, "steps": clock.step, **measures})
    store.write(out / "vae.safetensors", {k: v.float() for k, v in state.items()})  # last: the stages behind wait for it
    return measures


def load(out: pathlib.Path, device) -> vae.AutoencoderKL:
    model = vae.AutoencoderKL(store.read_json(out / "vae.json")["config"])
    model.load_state_dict(store.read(out / "vae.safetensors"))
    return model.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
