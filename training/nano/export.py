"""The checkpoint folders in the diffusers layout, bfloat16, with their sizes checked."""

import pathlib
import shutil

import torch

from poster.vocabulary import BUCKETS

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


def shared(c: dict, out: pathlib.Path, vocabulary: int) -> dict:
    """The parts that both transformers share, in out/models/nano; returns the base's averaged weights."""
    nano = out / "models" / "nano"
    shutil.rmtree(nano, ignore_errors=True)
    state = store.load_state(out / "flow_native.pt")["average"]
    text_config = {**c["text_encoder"], "vocab_size": vocabulary}
    model = encoder.Qwen3Encoder(text_config)
    model.load_state_dict(state["text_encoder"])
    store.write(nano / "text_encoder" / "model.safetensors", narrow(model.state_dict()))
    store.write_json(nano / "text_encoder" / "config.json", text_config)
    store.write(nano / "vae" / "diffusion_pytorch_model.safetensors", narrow(store.read(out / "vae.safetensors")))
    store.write_json(nano / "vae" / "config.json", store.read_json(out / "vae.json")["config"])
    shutil.copytree(out / "tokenizer", nano / "tokenizer")
    store.write_json(nano / "scheduler" / "scheduler_config.json", {**settings.SCHEDULER, "shift": c["shift"]})
    write_index(nano, {"steps": c["distill"]["evaluations"], "guidance": 0.0})
    return state


def write_index(folder: pathlib.Path, own: dict) -> None:
    """model_index.json; `_zimage` holds what the engine takes where a request does not say, and the range of the sizes. The size itself is the
    VAE's sample_size."""
    sides = [side for canvas in BUCKETS for side in canvas]
    store.write_json(folder / "model_index.json", {**settings.MODEL_INDEX, "_zimage": {**own, "trained_sizes": [min(sides), max(sides)]}})


def base(c: dict, out: pathlib.Path, vocabulary: int) -> None:
    """The shared parts and out/models/nano-base, from the native stage's result."""
    state, folder = shared(c, out, vocabulary), out / "models" / "nano-base"
    shutil.rmtree(folder, ignore_errors=True)
    write_transformer(folder / "transformer", c, state["transformer"])
    base_index(c, out, c["evaluate"]["guidance"])
    sizes(out)


def base_index(c: dict, out: pathlib.Path, guidance: float) -> None:
    write_index(out / "models" / "nano-base", {"shared_parts": "nano", "steps": c["evaluate"]["base_steps"], "guidance": guidance})


def nano(c: dict, out: pathlib.Path) -> None:
    """nano's own transformer, from the distillation's result."""
    write_transformer(out / "models" / "nano" / "transformer", c, store.load_state(out / "distill.pt")["last"])
    store.write_json(out / "result" / "export.json", sizes(out))


def sizes(out: pathlib.Path) -> dict:
    """Bytes of every folder; an error where a checkpoint is too large."""
    nano, found = out / "models" / "nano", {}
    for folder in sorted((out / "models").iterdir()):
        found[folder.name] = folder_bytes(folder)
    for part in sorted(nano.iterdir()):
        found[f"nano/{part.name}"] = folder_bytes(part) if part.is_dir() else part.stat().st_size
    found["total"] = folder_bytes(out / "models")
    print(f"[export] bytes {found}", flush=True)
    if found["nano"] > NANO_LIMIT or found["total"] > BOTH_LIMIT:
        raise ValueError(f"The checkpoint is too large: nano {found['nano']} of {NANO_LIMIT}, both {found['total']} of {BOTH_LIMIT} bytes.")
    return found
