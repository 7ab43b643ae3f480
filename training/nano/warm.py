"""Compiles what the flow, distillation and evaluation stages run, in their own process while the VAE is being trained in another."""

import time

import torch

from poster.vocabulary import CHARACTERS, COLOR_NAMES, KINDS

from . import dit, encoder, flow, vae
from .ops import autocast


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


@torch.no_grad()
def autoencoder(c: dict, device: str) -> None:
    model = vae.AutoencoderKL(dict(c["vae_model"])).to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    for batch, width, height in ((24, 320, 192), (16, 256, 256)):
        with autocast(device):
            x = torch.randn(batch, 3, height, width, device=device).contiguous(memory_format=torch.channels_last)
            model.decode(model.encode(x)[0].contiguous(memory_format=torch.channels_last))


def prepare(c: dict, device: str) -> None:
    """The compiler keeps what it finds by function, not by network, so that the networks made later find it."""
    start = time.monotonic()
    said = lambda what: print(f"[warm] {what}: {time.monotonic() - start:.1f} s", flush=True)
    nets = networks(c, device)
    low, native = c["flow"]["low"], c["flow"]["native"]
    # Every padded length, since what the first of them teaches the compiler about shapes may not serve the next.
    for name, part, side in (("low", low, 16), ("native", native, 32)):
        for length in (64, 32, 96):
            step(c, device, nets, part["batch"] + 8 * (part["batch"] % 32 == 0), side, length, part["stretch"])  # as Bucket.batch has it
            said(f"{name} {length}")
    transformer = nets[1].requires_grad_(False)
    batch = c["distill"]["batch"]
    for length in (64, 32):
        with torch.no_grad(), autocast(device):
            text = transformer.embed_text(torch.randn(batch, length, 256, device=device), torch.full((batch,), 30, device=device))
            transformer(torch.randn(batch, 16, 32, 32, device=device), torch.rand(batch, device=device), text)
        said(f"frozen {length}")
    autoencoder(c, device)
    said("vae")
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
