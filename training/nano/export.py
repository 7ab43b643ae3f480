"""The checkpoint folders in the diffusers layout, bfloat16, with their sizes checked."""

import pathlib
import shutil

import torch

from . import config as settings
from . import dit, encoder, store

NANO_LIMIT, BOTH_LIMIT = 32_000_000, 64_000_000


def narrow(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise FloatingPointError(f"{name} holds values that are not finite")
    return {name: tensor.to(torch.bfloat16) for name, tensor in state.items()}


def folder_bytes(path: pathlib.Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def write_transformer(path: pathlib.Path, c: dict, state: dict) -> None:
    model = dit.Transformer(c["transformer"])
    model.load_state_dict(state)
    store.write(path / "diffusion_pytorch_model.safetensors", narrow(model.state_dict()))
    store.write_json(path / "config.json", c["transformer"])


def export(c: dict, out: pathlib.Path, vocabulary: int) -> dict:
    """Writes out/models/nano and out/models/nano-base from the stages' results."""
    nano, base = out / "models" / "nano", out / "models" / "nano-base"
    for path in (nano, base):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    state = store.load_state(out / "flow_native.pt")["average"]
    text_config = {**c["text_encoder"], "vocab_size": vocabulary}
    model = encoder.Qwen3Encoder(text_config)
    model.load_state_dict(state["text_encoder"])
    store.write(nano / "text_encoder" / "model.safetensors", narrow(model.state_dict()))
    store.write_json(nano / "text_encoder" / "config.json", text_config)
    store.write(nano / "vae" / "diffusion_pytorch_model.safetensors", narrow(store.read(out / "vae.safetensors")))
    store.write_json(nano / "vae" / "config.json", store.read_json(out / "vae.json")["config"])
    shutil.copytree(out / "tokenizer", nano / "tokenizer")
    for path in (nano, base):
        store.write_json(path / "scheduler" / "scheduler_config.json", {**settings.SCHEDULER, "shift": c["shift"]})
        store.write_json(path / "model_index.json", settings.MODEL_INDEX)
    write_transformer(base / "transformer", c, state["transformer"])
    write_transformer(nano / "transformer", c, store.load_state(out / "distill.pt")["last"])
    sizes = {"nano": folder_bytes(nano), "nano-base": folder_bytes(base)}
    for part in sorted(nano.iterdir()):
        sizes[f"nano/{part.name}"] = folder_bytes(part) if part.is_dir() else part.stat().st_size
    sizes["total"] = sizes["nano"] + sizes["nano-base"]
    print(f"[export] bytes {sizes}", flush=True)
    if sizes["nano"] > NANO_LIMIT or sizes["total"] > BOTH_LIMIT:
        raise ValueError(f"The checkpoint is too large: nano {sizes['nano']} of {NANO_LIMIT}, both {sizes['total']} of {BOTH_LIMIT} bytes.")
    store.write_json(out / "result" / "export.json", sizes)
    return sizes
