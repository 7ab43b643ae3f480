"""Compiles the kernels of the flow and distillation stages into the shared cache, in a process beside the run's first stages:
python -m nano.warm config.json device. Nothing depends on it; the stages compile what they do not find."""

import sys
import time

import torch

from poster.vocabulary import CHARACTERS, COLOR_NAMES, KINDS

from . import dit, encoder, flow, store, vae
from .ops import allow_compile, autocast


def autoencoder(c: dict, device: str) -> None:
    vae.compile_norms()
    model = vae.AutoencoderKL(dict(c["vae_model"])).to(device).to(memory_format=torch.channels_last)
    x = torch.zeros(c["vae"]["phases"][0]["small_batch"], 128, 128, 3, device=device).permute(0, 3, 1, 2)
    with autocast(device):
        mean, _ = model.encode(x)
        output = model.decode(mean.contiguous(memory_format=torch.channels_last))
    output.float().mean().backward()


def networks(c: dict, device: str) -> tuple:
    text_encoder = encoder.Qwen3Encoder(c["text_encoder"]).to(device)
    last = f"layers.{c['text_encoder']['num_hidden_layers'] - 1}."
    for name, parameter in text_encoder.named_parameters():
        parameter.requires_grad_(not name.startswith((last, "norm.")))
    transformer = dit.Transformer(c["transformer"]).to(device)
    transformer.compile_blocks()
    text_encoder.compile_layers()
    heads = flow.Heads(c["transformer"]["dim"], (len(CHARACTERS) + 1, len(KINDS) + 1, len(COLOR_NAMES) + 1)).to(device)
    return text_encoder, transformer, heads


def step(c: dict, device: str, nets: tuple, batch: int, side: int, length: int, stretch: float) -> None:
    text_encoder, transformer, heads = nets
    x = torch.randn(batch, 16, side, side, device=device)
    t = torch.rand(batch, device=device)
    ids = torch.zeros(batch, length, dtype=torch.long, device=device)
    labels = [torch.zeros(batch, side * side // 4, dtype=torch.long, device=device)] * 3
    with autocast(device):
        text = transformer.embed_text(text_encoder(ids), torch.full((batch,), length - 3, device=device))
        velocity, tapped = transformer(x, t, text, stretch, c["flow"]["aux_layer"])
        aux = heads.loss(tapped, labels)
    (velocity.float().pow(2).mean() + aux).backward()


def main() -> int:
    c, device, start = store.read_json(sys.argv[1]), sys.argv[2], time.monotonic()
    if not allow_compile(True):
        return 0
    said = lambda what: print(f"{what}: {time.monotonic() - start:.1f} s", flush=True)
    autoencoder(c, device)
    said("vae")
    nets = networks(c, device)
    low, native = c["flow"]["low"], c["flow"]["native"]
    step(c, device, nets, low["batch"], 16, 64, low["stretch"])
    said("low")
    step(c, device, nets, native["batch"], 32, 64, native["stretch"])
    said("native")
    transformer = nets[1].requires_grad_(False)
    batch = c["distill"]["batch"]
    with torch.no_grad(), autocast(device):
        text = transformer.embed_text(torch.randn(batch, 64, 256, device=device), torch.full((batch,), 40, device=device))
        transformer(torch.randn(batch, 16, 32, 32, device=device), torch.rand(batch, device=device), text)
    said("frozen")
    return 0


if __name__ == "__main__":
    sys.exit(main())
