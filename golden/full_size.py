#!/usr/bin/env python3
"""Writes golden/full: what the PyTorch reference computes at full size on the synthetic checkpoint, as samples.

    python golden/full_size.py --out golden

Needs a GPU with 132 multiprocessors (H100, H200) and 60 GB of its memory, torch, diffusers, transformers; takes about a minute.
Each file holds, for a few tensors, every n-th element of the float32 run (`ref.*`) and of the bfloat16 run (`torch_bf16.*`), mean, deviation and norm of the
whole float32 tensor (`stats.*`), and the relative error of the whole bfloat16 tensor (`error.*`).
"""

import argparse
import os
import pathlib
import shutil
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import torch  # noqa: E402

from reference import common, synthetic  # noqa: E402

K = 7
SAMPLES = 4096
BLOCKS = (0, 10, 20, 29)
TIME = 0.25


def sampled(flat: torch.Tensor) -> torch.Tensor:
    """Elements 0, n, 2n, ...: 4096 of them, n as large as fits."""
    return flat[::max(flat.numel() // SAMPLES, 1)][:SAMPLES]


def store(out, name, reference, narrow, **metadata) -> None:
    tensors = {}
    for key, value in reference.items():
        wide = value.detach().double().flatten()
        small = narrow[key].detach().double().flatten()
        error = ((small - wide).norm() / wide.norm()).item()
        tensors[f"ref.{key}"] = sampled(wide).float()
        tensors[f"torch_bf16.{key}"] = sampled(narrow[key].detach().flatten())
        tensors[f"stats.{key}"] = torch.tensor([wide.mean(), wide.std(correction=0), wide.norm()], dtype=torch.float32)
        tensors[f"error.{key}"] = torch.tensor([error], dtype=torch.float32)
        print(f"{name}: {key} {list(value.shape)} std {wide.std().item():.4f}, bfloat16 off by {error:.5f}", flush=True)
    common.save(out / "full" / f"{name}.safetensors", tensors, 0, checkpoint=f"synthetic:turbo:{K}", **metadata)


def both(module, run):
    """The results in float32 and in bfloat16; the module is bfloat16 afterwards."""
    wide = {key: value.float() for key, value in run(module).items()}
    return wide, run(synthetic.narrow(module))


def text(out) -> None:
    ids = [(i * 7919 + 13) % 151936 for i in range(50)]
    tensor = torch.tensor([ids], device=synthetic.DEVICE)
    store(out, "text_encoder", *both(synthetic.text_encoder(K), lambda model: {"prompt_embeds": synthetic.encode_text(model, tensor)}), ids=ids)


def dit(out) -> None:
    embeds = synthetic.normal(43, 50, 2560).bfloat16()
    small, large = synthetic.normal(42, 1, 16, 64, 64), synthetic.normal(42, 1, 16, 128, 128)

    def run(model):
        seen, hooks = {}, []
        for index in BLOCKS:
            # The last block's text rows are never used, so only its image rows are compared.
            rows = 1024 if index == BLOCKS[-1] else 1024 + 64
            hooks.append(model.layers[index].register_forward_hook(
                lambda _, inputs, output, index=index, rows=rows: seen.update({f"layers.{index}": output[0, :rows].clone()})))
        seen["out"] = synthetic.forward(model, small, TIME, embeds)
        for hook in hooks:
            hook.remove()
        seen["latents_512"] = synthetic.denoise(model, small, embeds)
        seen["latents_1024"] = synthetic.denoise(model, large, embeds)
        return seen

    store(out, "transformer", *both(synthetic.transformer(K), run), time=TIME, noise_seed=42, embeds_seed=43, tokens=50)


def picture(out) -> None:
    latents = synthetic.normal(44, 1, 16, 64, 64)
    image = synthetic.pixels(512, 512).to(synthetic.DEVICE).float().permute(2, 0, 1)[None] / 255 * 2 - 1

    def run(model):
        dtype = next(model.parameters()).dtype
        # In the order of the engine's results: pixels [h, w, 3], mean [1, 16, h, w].
        return {"image": synthetic.decode(model, latents)[0].permute(1, 2, 0).contiguous(), "mean": model.encode(image.to(dtype)).latent_dist.mean}

    store(out, "vae", *both(synthetic.vae(K), run), latents_seed=44)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the golden set")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    shutil.rmtree(arguments.out / "full", ignore_errors=True)
    for section in (picture, dit, text):
        start = time.monotonic()
        section(arguments.out)
        torch.cuda.empty_cache()
        print(f"{section.__name__}: {time.monotonic() - start:.1f} s", flush=True)
    total = sum(file.stat().st_size for file in (arguments.out / "full").iterdir())
    print(f"{total / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
