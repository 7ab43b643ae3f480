#!/usr/bin/env python3
"""Writes the golden set: what the PyTorch reference computes, as files that the tests compare with.

    python golden/export.py --out golden [section ...]

Needs torch with CUDA, diffusers, transformers, tokenizers, safetensors, numpy and Pillow. See golden/README.md.
"""

import argparse
import os
import pathlib
import shutil
import sys
import time
import traceback

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import torch  # noqa: E402

from reference import blocks, checkpoints, common, imaging, noise, ops, pipeline, scheduler, text_encoder, tokenizer, vae  # noqa: E402

SECTIONS = {
    "checkpoints": checkpoints.export,
    "ops": ops.export,
    "blocks": blocks.export,
    "text_encoder": text_encoder.export,
    "vae": vae.export,
    "scheduler": scheduler.export,
    "noise": noise.export,
    "pipeline": pipeline.export,
    "tokenizer": tokenizer.export,
    "imaging": imaging.export,
}


def empty(folder: pathlib.Path) -> None:
    """Removes what the last export wrote; what this one cannot make again stays."""
    qwen3 = folder / "qwen3.json"
    kept = qwen3.read_bytes() if folder.name == "tokenizer" and qwen3.exists() and not os.environ.get("ZIMAGE_QWEN3_TOKENIZER") else None
    shutil.rmtree(folder, ignore_errors=True)
    if kept is not None:
        folder.mkdir()
        qwen3.write_bytes(kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write to; the committed set lies in golden/")
    parser.add_argument("--device", default="cuda", help="where the bfloat16 runs happen; the committed set is made on cuda")
    parser.add_argument("section", nargs="*", help=f"default: all of {' '.join(SECTIONS)}")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.section if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {' '.join(unknown)}; there are {' '.join(SECTIONS)}")

    common.DEVICE = arguments.device
    torch.set_grad_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_num_threads(1)  # The order of sums follows the number of threads; so the numbers do not depend on the machine's.
    arguments.out.mkdir(parents=True, exist_ok=True)

    failures = {}
    for name in arguments.section or SECTIONS:
        start = time.monotonic()
        torch.manual_seed(0)
        empty(arguments.out / name)
        try:
            SECTIONS[name](arguments.out)
        except Exception:  # One section's fault must not hide the others; it is shown below and decides the exit code.
            failures[name] = traceback.format_exc()
        state = "FAILED" if name in failures else "ok"
        print(f"{name}: {state}, {time.monotonic() - start:.1f} s", flush=True)

    total = 0
    for folder in sorted(path for path in arguments.out.iterdir() if path.is_dir()):
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        total += size
        print(f"{size / 1e6:8.3f} MB  {folder.name}")
    print(f"{total / 1e6:8.3f} MB  in all")
    for name, text in failures.items():
        print(f"\n---- {name}\n{text}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
