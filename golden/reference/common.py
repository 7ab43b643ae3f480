"""What every section needs: seeded numbers, seeded weights, module hooks, files with metadata."""

import functools
import hashlib
import json
import pathlib
import zlib

import diffusers
import torch
import transformers
from safetensors.torch import save_file

GOLDEN = pathlib.Path(__file__).resolve().parent.parent
TOKENIZER = GOLDEN / "tokenizer-tiny"
DEVICE = "cuda"


@functools.cache
def script_sha256() -> str:
    """One hash over the exporter's own sources, in the order of their names."""
    digest = hashlib.sha256()
    for file in [GOLDEN / "export.py", *sorted((GOLDEN / "reference").glob("*.py"))]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def versions(seed: int) -> dict:
    return {
        "torch": str(torch.__version__),
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name() if torch.device(DEVICE).type == "cuda" else DEVICE,
        "seed": str(seed),
        "script_sha256": script_sha256(),
    }


def save(path: pathlib.Path, tensors: dict, seed: int, **metadata) -> None:
    """Writes a safetensors file; metadata that is no string is stored as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in metadata.items()}
    stored = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous().clone()
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ValueError(f"{path}: {name} is not finite")
        stored[name] = tensor.float() if tensor.dtype == torch.float64 else tensor
    save_file(stored, str(path), metadata={**versions(seed), **texts})


def save_json(path: pathlib.Path, seed: int, **content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"made_with": versions(seed), **content}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


class Numbers:
    """Seeded normal numbers on the CPU, rounded to bfloat16 so that a bfloat16 run sees the same values."""

    def __init__(self, seed: int):
        self.generator = torch.Generator("cpu").manual_seed(seed)

    def normal(self, *shape, scale=1.0, shift=0.0) -> torch.Tensor:
        return rounded(torch.randn(shape, generator=self.generator) * scale + shift)

    def uniform(self, *shape, low=0.0, high=1.0) -> torch.Tensor:
        return rounded(torch.rand(shape, generator=self.generator) * (high - low) + low)

    def weight(self, *shape) -> torch.Tensor:
        """A matrix or a convolution: variance 1 / inputs."""
        return self.normal(*shape, scale=(shape[0] / torch.Size(shape).numel()) ** 0.5)

    def integers(self, low, high, *shape) -> torch.Tensor:
        return torch.randint(low, high, shape, generator=self.generator)


def rounded(x: torch.Tensor) -> torch.Tensor:
    return x.bfloat16().float()


def randomize(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Gives every parameter values that keep activations near 1 and that hide nothing: no zeros, no ones."""
    for name, parameter in module.named_parameters():
        generator = torch.Generator("cpu").manual_seed(seed + zlib.crc32(name.encode()))
        values = torch.randn(parameter.shape, generator=generator)
        if "embed_tokens" in name:
            values *= 0.5
        elif parameter.ndim >= 2 and parameter.shape[0] > 1:
            values *= (parameter.shape[0] / parameter.numel()) ** 0.5
        elif parameter.ndim == 1 and name.endswith("weight"):
            values = 1 + 0.1 * values
        elif parameter.ndim == 1:
            values *= 0.02
        parameter.data.copy_(values)
    return module.eval()


def tokens_first(x: torch.Tensor) -> torch.Tensor:
    """[1, tokens, heads, width] or [1, tokens, width] as [tokens, all widths]; a matrix stays as it is."""
    if x.ndim == 4:
        x = x.flatten(2)
    return x[0] if x.ndim == 3 else x


class Recorder:
    """Records what each submodule returns, under its path."""

    def __init__(self, module: torch.nn.Module, keep, shape=tokens_first):
        self.tensors = {}
        self.path = ""
        self.shape = shape
        self.handles = []
        for path, child in module.named_modules():
            if path:
                self.handles.append(child.register_forward_pre_hook(functools.partial(self._enter, path)))
                if keep(path):
                    self.handles.append(child.register_forward_hook(functools.partial(self._leave, path)))

    def _enter(self, path, module, inputs):
        self.path = path

    def _leave(self, path, module, inputs, output):
        self.record(path, output[0] if isinstance(output, tuple) else output)

    def record(self, path, tensor):
        if path in self.tensors:
            raise ValueError(f"{path} ran twice")
        self.tensors[path] = self.shape(tensor).detach().cpu().clone()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for handle in self.handles:
            handle.remove()


@functools.cache
def load_pipeline(folder: pathlib.Path, bfloat16: bool = False) -> diffusers.ZImagePipeline:
    """The checkpoint as diffusers loads it: float32 on the CPU, or bfloat16 on the device."""
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    pipe = diffusers.ZImagePipeline.from_pretrained(str(folder), torch_dtype=dtype)
    for part in (pipe.transformer, pipe.text_encoder, pipe.vae):
        kinds = {parameter.dtype for parameter in part.parameters()}
        if kinds != {dtype}:
            raise ValueError(f"{folder}: {type(part).__name__} was loaded as {kinds}, not {dtype}")
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(DEVICE if bfloat16 else "cpu")
