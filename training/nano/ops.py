"""Arithmetic shared by the three networks, with fallbacks for old PyTorch so that everything also runs on a small CPU."""

import contextlib
import math
import types

import torch
from torch.nn import functional as F

HAS_SDPA = hasattr(F, "scaled_dot_product_attention")
HAS_COMPILE = hasattr(torch, "compile")


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """RMSNorm with float32 statistics; the result has the type of x."""
    wide = x.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    return (wide * weight.float()).to(x.dtype)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool = False) -> torch.Tensor:
    """Softmax attention of (batch, heads, positions, width) tensors, scale 1/sqrt(width)."""
    if HAS_SDPA:
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if causal:
        n = q.shape[-2]
        scores = scores.masked_fill(torch.ones(n, n, dtype=torch.bool, device=q.device).triu(1), float("-inf"))
    return scores.softmax(-1) @ v


def rotate_pairs(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """RoPE over interleaved pairs. x (batch, positions, heads, width); cos, sin (positions, width / 2), float32."""
    pairs = x.float().unflatten(-1, (-1, 2))
    cos, sin = cos[None, :, None], sin[None, :, None]
    if x.device.type == "cpu":  # as a product of complex numbers, which takes a processor a seventh of the time
        return torch.view_as_real(torch.view_as_complex(pairs) * torch.complex(cos, sin)).flatten(-2).to(x.dtype)
    a, b = pairs.unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)


def rotate_halves(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """RoPE over the pairs (i, i + width / 2), as in Qwen3. Shapes as in rotate_pairs."""
    a, b = x.float().chunk(2, -1)
    cos, sin = cos[None, :, None], sin[None, :, None]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


def autocast(device: torch.device | str):
    """bfloat16 on a GPU; plain float32 on a processor."""
    if torch.device(device).type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return contextlib.nullcontext()


def allow_compile(on: bool) -> bool:
    """Whether torch.compile is to be used; sets what it needs to serve all shapes of a run."""
    if not on or not HAS_COMPILE or not torch.cuda.is_available():
        return False
    from torch import _dynamo

    for name in ("recompile_limit", "cache_size_limit", "accumulated_recompile_limit", "accumulated_cache_size_limit"):
        with contextlib.suppress(AttributeError):
            setattr(_dynamo.config, name, 256)
    _dynamo.config.suppress_errors = True  # what cannot be compiled runs as it is, with a warning
    return True


def compiled_copy(function, tag: str):
    """A compiled copy of a plain function with a code object of its own: what is learnt about the shapes of one copy's inputs
    says nothing about another's."""
    code = function.__code__.replace(co_name=f"{function.__name__}_{tag}")
    copy = types.FunctionType(code, function.__globals__, code.co_name, function.__defaults__)
    return torch.compile(copy)


def vary(x: torch.Tensor, *dims: int) -> torch.Tensor:
    """Tells the compiler that these dimensions change from call to call; all others are fixed numbers in its kernels."""
    mark = getattr(getattr(torch, "_dynamo", None), "maybe_mark_dynamic", None)
    if mark is not None:
        for dim in dims:
            mark(x, dim)
    return x


def seed_everything(seed: int) -> None:
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)


def generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    return torch.Generator(device=device).manual_seed(seed % (2**63))
