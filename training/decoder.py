"""Trains the decoder of an exported checkpoint further, on a processor; encoder, and so the transformers, stay as they are:
python training/decoder.py MODELS OUT --seconds 3000. Strips around the lines of text first, whole posters for the last part. Writes
OUT/diffusion_pytorch_model.safetensors (bfloat16, encoder and decoder) and prints the PSNR before and after. bfloat16 arithmetic, which
wants a processor with instructions for it."""

import argparse
import pathlib
import shutil
import time

import torch

from nano import config as settings
from nano import data_build, store, train_vae, vae
from nano.data import Pool
from nano.ops import generator
from nano.optim import Average, Clock, Optimizer, trapezoid

STRIP, BATCH, WHOLE = 10, 6, 2  # rows of latents and pictures of a strip, pictures of a whole batch
LINE = 48                       # pixels of the line of text that counts once more in whole pictures
NOISE = 0.07                    # on the latents, which a transformer does not meet exactly either


def arithmetic():
    return torch.autocast("cpu", torch.bfloat16)


def decode(model, latents: torch.Tensor) -> torch.Tensor:
    with arithmetic():
        return model.decode(latents.contiguous(memory_format=torch.channels_last)).float()


class Posters:
    """Rendered posters as levels, their latents, and the row of their text in [0, 1] (-1: none)."""

    @torch.no_grad()
    def __init__(self, model, bucket, index: torch.Tensor, rng: torch.Generator):
        self.bucket, self.index, levels, latents = bucket, index, [], []
        for part in index.split(24):
            pixels = bucket.render(part, bucket.width, bucket.height, rng).contiguous(memory_format=torch.channels_last)
            with arithmetic():
                latents.append(model.encode(pixels)[0].float())
            levels.append(((pixels + 1) * 127.5).round().byte())
        self.levels, self.latents, self.row = torch.cat(levels), torch.cat(latents), bucket.text_center(index)[:, 1]
        self.with_text = (self.row > 0).nonzero().flatten()

    def pixels(self, i: int, top: int = 0, rows: int | None = None) -> torch.Tensor:
        return self.levels[i, :, top : None if rows is None else top + rows].float() / 127.5 - 1

    @torch.no_grad()
    def psnr(self, model) -> str:
        every, text = [], []
        for part in torch.arange(len(self.index)).split(12):
            levels = (decode(model, self.latents[part]) / 2 + 0.5).clamp(0, 1).mul(255).round()
            error = (levels - self.levels[part].float()).pow(2).mean(1) / 255**2
            mask = self.bucket.text_mask(self.index[part], *error.shape[1:])
            every.append(-10 * error.mean((1, 2)).log10())
            text.append(-10 * ((error * mask).sum((1, 2)) / mask.sum((1, 2))).log10())
        return f"PSNR {torch.cat(every).mean():.2f} dB, within text {torch.cat(text).nanmean():.2f} dB"


def strips(posters: Posters, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents and pixels of strips as wide as the picture, around lines of text."""
    items = posters.with_text[torch.randint(len(posters.with_text), (BATCH,), generator=rng)]
    rows = posters.latents.shape[2]
    shift = (torch.rand(BATCH, generator=rng) - 0.5) * STRIP / 2
    top = (posters.row[items] * rows - STRIP / 2 + shift).round().long().clamp(0, rows - STRIP).tolist()
    latents = torch.stack([posters.latents[i, :, y : y + STRIP] for i, y in zip(items.tolist(), top)])
    return latents, torch.stack([posters.pixels(i, 8 * y, 8 * STRIP) for i, y in zip(items.tolist(), top)])


def losses(model, posters: Posters, whole: bool, c: dict, rng: torch.Generator) -> torch.Tensor:
    if not whole:
        latents, target = strips(posters, rng)
        output = decode(model, latents + NOISE * torch.randn(latents.shape, generator=rng))
        return train_vae.reconstruction(output[:, :, 8:-8], target[:, :, 8:-8], c)  # the strip's edges are none of the picture's
    items = torch.randint(len(posters.index), (WHOLE,), generator=rng)
    latents, target = posters.latents[items], torch.stack([posters.pixels(i) for i in items.tolist()])
    output = decode(model, latents + NOISE * torch.randn(latents.shape, generator=rng))
    lines = []
    for i, row in enumerate(posters.row[items].tolist()):
        top = min(max(round(row * target.shape[2] - LINE / 2), 0), target.shape[2] - LINE)
        if row > 0:
            lines.append(train_vae.reconstruction(output[i : i + 1, :, top : top + LINE], target[i : i + 1, :, top : top + LINE], c))
    return train_vae.reconstruction(output, target, c) + (sum(lines) / len(lines) if lines else 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=pathlib.Path, help="folder with nano/")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=3000)
    parser.add_argument("--lr", type=float, default=0.008, help="of Muon; AdamW has 0.075 of it")
    parser.add_argument("--posters", type=int, default=2900)
    parser.add_argument("--seed", type=int, default=5)
    a = parser.parse_args()
    config, nano, rng = settings.load("full"), a.models / "nano", generator(a.seed)
    config["data"]["scenes"] = 12_000
    shutil.copytree(nano / "tokenizer", a.out / "tokenizer", dirs_exist_ok=True)
    data_build.scenes(config, a.out, 72 + a.seed)
    bucket = Pool(a.out, "cpu").buckets[0]
    model = vae.AutoencoderKL(store.read_json(nano / "vae" / "config.json"))
    file = "diffusion_pytorch_model.safetensors"
    model.load_state_dict({name: tensor.float() for name, tensor in store.read(nano / "vae" / file).items()})
    model.to(memory_format=torch.channels_last)

    index = torch.randperm(bucket.count, generator=rng)
    index = torch.cat([index[bucket.has_text[index]], index[~bucket.has_text[index]][: a.posters // 10]])
    test = Posters(model, bucket, index[:48], rng)
    posters = Posters(model, bucket, index[48:][torch.randperm(len(index) - 48, generator=rng)[: a.posters]], rng)
    print(f"{len(posters.index)} posters; before: {test.psnr(model)}", flush=True)
    half = torch.nn.ModuleDict({"decoder": model.decoder})  # under the name by which Muon knows its filters
    optimizer, average, clock = Optimizer({"vae": half}, a.lr, 0.075 * a.lr), Average(half, 0.997), Clock(10**9, a.seconds)
    shown = time.monotonic()
    while (progress := clock.progress()) < 1:
        optimizer.lr(trapezoid(clock.step, progress, 30, 0.25))
        optimizer.clear()
        loss = losses(model, posters, progress > 0.72, config["vae"], rng)
        loss.backward()
        optimizer.step(clip=1.0)
        average.update()
        clock.step += 1
        if time.monotonic() - shown > 60:
            shown = time.monotonic()
            print(f"step {clock.step}, {100 * progress:.0f} %: loss {float(loss):.4f}", flush=True)
    average.push()
    print(f"after {clock.step} steps: {test.psnr(model)}", flush=True)
    store.write(a.out / file, {name: tensor.detach().to(torch.bfloat16) for name, tensor in model.state_dict().items()})


if __name__ == "__main__":
    main()
