"""How one operator case is made and stored."""

import pathlib

import torch

from . import common


def run(function, inputs: dict, reference=torch.float64):
    """The function in the reference type on the CPU, and in bfloat16 on the device, from the same numbers."""
    wide = {name: cast(value, reference, "cpu") for name, value in inputs.items()}
    narrow = {name: cast(value, torch.bfloat16, common.DEVICE) for name, value in inputs.items()}
    return function(**wide), function(**narrow)


def cast(value, dtype, device):
    if isinstance(value, (list, tuple)):
        return [cast(item, dtype, device) for item in value]
    if isinstance(value, torch.Tensor):
        return value.to(device, dtype) if value.is_floating_point() else value.to(device)
    return value


def save(out: pathlib.Path, op: str, case: str, seed: int, inputs: dict, ref, bfloat16=None, kind="bf16", **params) -> None:
    """Writes ops/<op>/<case>.safetensors.

    kind: 'bf16' the operator follows the activation type; 'float32' it is F32 on every backend; 'exact' no rounding is allowed for.
    """
    tensors = {}
    for name, value in inputs.items():
        if isinstance(value, (list, tuple)):
            tensors.update({f"input.{name}.{index}": item for index, item in enumerate(value)})
        elif value is not None:
            tensors[f"input.{name}"] = value
    for key, result in (("ref", ref), ("torch_bf16", bfloat16)):
        if isinstance(result, dict):
            tensors.update({f"{key}.{name}": value for name, value in result.items() if value is not None})
        elif result is not None:
            tensors[key] = result
    wrong = [name for name, tensor in tensors.items() if name.startswith("torch_bf16") and tensor.dtype != torch.bfloat16]
    if wrong or (kind == "bf16") != (bfloat16 is not None):
        raise ValueError(f"{op}/{case}: kind {kind}, {wrong} not in bfloat16")
    common.save(out / "ops" / op / f"{case}.safetensors", tensors, seed, op=op, case=case, kind=kind, params=params)


def bf16(value):
    """Inputs are bfloat16 values already; storing them as such halves the file."""
    if isinstance(value, (list, tuple)):
        return [bf16(item) for item in value]
    return value if value is None or not value.is_floating_point() else value.bfloat16()


def packed(inputs: dict) -> dict:
    return {name: bf16(value) for name, value in inputs.items()}
