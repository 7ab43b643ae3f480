"""Holds the three networks and the sampler to the golden tensors of the PyTorch reference. Run on the CPU: python training/verify.py"""

import pathlib
import sys

import torch
from torch.nn import functional as F

from nano import dit, encoder, sampler, store, vae

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
FOLDER = GOLDEN / "checkpoints" / "tiny-turbo"
LIMIT = 2e-5


def load(kind, part: str, name: str):
    model = kind(store.read_json(FOLDER / part / "config.json"))
    model.load_state_dict({key: value.float() for key, value in store.read(FOLDER / part / name).items()})
    return model.eval()


def relative(ours: torch.Tensor, reference: torch.Tensor) -> float:
    return float((ours.float() - reference.float()).norm() / reference.float().norm())


def norm_error() -> float:
    """The VAE's GroupNorm with SiLU and the bias before it, and all its gradients, against PyTorch's."""
    rng, worst = torch.Generator().manual_seed(0), 0.0
    for act, groups, channels in ((True, 4, 12), (False, 16, 32)):
        x = torch.randn(3, 50, channels, generator=rng)
        inputs = [x, *(torch.randn(channels, generator=rng) for _ in range(3))]
        up, results = torch.randn(x.shape, generator=rng), []
        for ours in (True, False):
            x, before, weight, bias = leaves = [t.clone().requires_grad_() for t in inputs]
            if ours:
                y = vae._Norm.apply(x, before, weight, bias, groups, act)
            else:
                y = F.group_norm((x + before).transpose(1, 2), groups, weight, bias, vae.EPS)
                y = (F.silu(y) if act else y).transpose(1, 2)
            y.backward(up)
            results.append([y.detach(), *(t.grad for t in leaves)])
        worst = max(worst, *(relative(a, b) for a, b in zip(*results)))
    return worst


@torch.no_grad()
def main() -> int:
    text_encoder = load(encoder.Qwen3Encoder, "text_encoder", "model.safetensors")
    transformer = load(dit.Transformer, "transformer", "diffusion_pytorch_model.safetensors")
    autoencoder = load(vae.AutoencoderKL, "vae", "diffusion_pytorch_model.safetensors")
    errors = {}
    with torch.enable_grad():
        errors["group norm"] = norm_error()
    golden = store.read(GOLDEN / "text_encoder" / "tiny-turbo.safetensors")
    errors["text encoder"] = relative(text_encoder(golden["input.ids"].long().view(1, -1))[0], golden["ref.layers.2"])
    golden = store.read(GOLDEN / "vae" / "tiny-turbo.encode.safetensors")
    errors["vae encoder"] = relative(autoencoder.encoder(golden["input.pixels"]), golden["ref.encoder.conv_out"])
    golden = store.read(GOLDEN / "vae" / "tiny-turbo.decode.safetensors")
    errors["vae decoder"] = relative(autoencoder.decode(autoencoder.unscale(golden["input.latents"])), golden["ref.decoder.conv_out"])
    for case, steps in (("turbo_plain", 8), ("turbo_batch", 3), ("turbo_chinese", 3), ("turbo_one_step", 1)):
        golden = store.read(GOLDEN / "pipeline" / f"{case}.safetensors")
        latents = []
        for index, noise in enumerate(golden["input.noise"]):
            rows = golden[f"ref.prompt_embeds.{index}"].float()
            hidden = torch.full((1, dit.padded(len(rows)), rows.shape[1]), 9.0)
            hidden[0, : len(rows)] = rows
            text = transformer.embed_text(hidden, torch.tensor([len(rows)]))
            latents.append(sampler.sample(transformer, noise[None], text, steps, 3.0))
        errors[case] = relative(torch.cat(latents), golden["ref.latents"])
    for name, error in errors.items():
        print(f"{name:16} relative error {error:.1e}")
    return int(max(errors.values()) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
