"""Norms, rotary embedding, gated and modulated elementwise operators. The reference modules compute their statistics in float32."""

import torch
import torch.nn.functional as F
from diffusers.models.normalization import RMSNorm
from diffusers.models.transformers.transformer_z_image import FeedForward, RopeEmbedder
from transformers import Qwen3Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm, Qwen3RotaryEmbedding, apply_rotary_pos_emb

from .cases import packed, run, save
from .common import Numbers


def export(out) -> None:
    rmsnorm(out)
    residualnorm(out)
    layernorm(out)
    groupnorm(out)
    headnormrope_interleaved(out)
    headnormrope_halfsplit(out)
    elementwise(out)


def rms(x, weight, eps, kind=RMSNorm):
    module = kind(weight.shape[0], eps=eps).to(x.device, x.dtype)
    module.weight.data.copy_(weight)
    return module(x)


def rmsnorm(out) -> None:
    def layer(x, weight, scale, eps, kind):
        y = rms(x, weight, eps, kind)
        return y if scale is None else y * scale

    cases = [
        ("plain", 5, 96, False, 1e-5, RMSNorm, 1.0),
        ("scaled", 7, 341, True, 1e-5, RMSNorm, 1.0),
        ("small_values", 3, 64, False, 1e-5, RMSNorm, 2.0**-9),
        ("qwen", 9, 2560, False, 1e-6, Qwen3RMSNorm, 30.0),
    ]
    for seed, (case, rows, width, scaled, eps, kind, size) in enumerate(cases, 400):
        numbers = Numbers(seed)
        inputs = {
            "x": numbers.normal(rows, width, scale=size),
            "weight": numbers.normal(width, scale=0.1, shift=1.0),
            "scale": numbers.normal(width, scale=0.5, shift=1.0) if scaled else None,
        }
        ref, narrow = run(layer, {**inputs, "eps": eps, "kind": kind}, torch.float32)
        save(out, "rmsnorm", case, seed, packed(inputs), ref, narrow, eps=eps)


def residualnorm(out) -> None:
    def layer(x, y, weight, gate, next_weight, next_scale, eps, kind):
        z = y if weight is None else rms(y, weight, eps, kind)
        x = x + (z if gate is None else gate * z)
        if next_weight is None:
            return {"x": x}
        h = rms(x, next_weight, eps, kind)
        return {"x": x, "h": h if next_scale is None else h * next_scale}

    cases = [
        ("modulated", 9, 120, True, True, True, True, 1e-5, RMSNorm),
        ("unmodulated", 4, 96, True, False, True, False, 1e-5, RMSNorm),
        ("pre_norm", 11, 64, False, False, True, False, 1e-6, Qwen3RMSNorm),
        ("last", 3, 257, True, True, False, False, 1e-5, RMSNorm),
        ("add", 6, 33, False, False, False, False, 1e-6, Qwen3RMSNorm),
    ]
    for seed, (case, rows, width, weighted, gated, following, scaled, eps, kind) in enumerate(cases, 500):
        numbers = Numbers(seed)
        inputs = {
            "x": numbers.normal(rows, width, scale=3.0),
            "y": numbers.normal(rows, width, scale=2.0),
            "weight": numbers.normal(width, scale=0.1, shift=1.0) if weighted else None,
            "gate": numbers.uniform(width, low=-1.0, high=1.0) if gated else None,
            "next_weight": numbers.normal(width, scale=0.1, shift=1.0) if following else None,
            "next_scale": numbers.normal(width, scale=0.5, shift=1.0) if scaled else None,
        }
        ref, narrow = run(layer, {**inputs, "eps": eps, "kind": kind}, torch.float32)
        save(out, "residualnorm", case, seed, packed(inputs), ref, narrow, eps=eps)


def layernorm(out) -> None:
    def layer(x, scale, eps):
        return F.layer_norm(x, x.shape[-1:], eps=eps) * scale

    for seed, (case, rows, width, shift) in enumerate([("plain", 6, 120, 0.0), ("off_centre", 5, 77, 8.0)], 600):
        numbers = Numbers(seed)
        inputs = {"x": numbers.normal(rows, width, shift=shift), "scale": numbers.normal(width, scale=0.5, shift=1.0)}
        ref, narrow = run(layer, {**inputs, "eps": 1e-6})
        save(out, "layernorm", case, seed, packed(inputs), ref, narrow, eps=1e-6)


def groupnorm(out) -> None:
    def layer(x, weight, bias, groups, eps, silu):
        y = F.group_norm(x.permute(0, 3, 1, 2), groups, weight, bias, eps).permute(0, 2, 3, 1)
        return F.silu(y) if silu else y

    cases = [
        ("silu", (2, 5, 3, 24), 8, True, 0.0),
        ("plain", (1, 7, 9, 12), 4, False, 4.0),
        ("one_pixel", (1, 1, 1, 32), 8, True, 0.0),
        ("large", (1, 24, 19, 32), 16, True, 1.0),
    ]
    for seed, (case, shape, groups, silu, shift) in enumerate(cases, 700):
        numbers = Numbers(seed)
        inputs = {
            "x": numbers.normal(*shape, scale=2.0, shift=shift),
            "weight": numbers.normal(shape[3], scale=0.1, shift=1.0),
            "bias": numbers.normal(shape[3], scale=0.3),
        }
        params = {"groups": groups, "eps": 1e-6, "silu": silu}
        ref, narrow = run(layer, {**inputs, **params})
        save(out, "groupnorm", case, seed, packed(inputs), ref, narrow, **params)


def headnormrope_interleaved(out) -> None:
    def layer(x, weight, angles, heads, eps):
        x = x.unflatten(1, (heads, -1))
        if weight is not None:
            x = rms(x, weight, eps)
        turned = torch.view_as_complex(x.float().unflatten(-1, (-1, 2))) * angles[:, None]
        return torch.view_as_real(turned).flatten(1).type_as(x)

    cases = [
        ("interleaved", 3, [16, 12, 12], [600, 64, 64], 100.0, 13, True),
        ("interleaved_no_norm", 2, [8, 4, 4], [64, 32, 32], 256.0, 6, False),
        ("interleaved_large", 2, [32, 48, 48], [1536, 512, 512], 256.0, 40, True),
    ]
    for seed, (case, heads, dims, lengths, theta, rows, normed) in enumerate(cases, 800):
        numbers = Numbers(seed)
        positions = torch.stack([numbers.integers(0, length, rows) for length in lengths], dim=1)
        angles = RopeEmbedder(theta, dims, lengths)(positions)
        inputs = {
            "x": numbers.normal(rows, heads * sum(dims)),
            "weight": numbers.normal(sum(dims), scale=0.1, shift=1.0) if normed else None,
        }
        ref, narrow = run(layer, {**inputs, "heads": heads, "eps": 1e-5, "angles": angles}, torch.float32)
        files = {**packed(inputs), "cos": angles.real, "sin": angles.imag}
        save(out, "headnormrope", case, seed, files, ref, narrow, layout="interleaved", heads=heads, eps=1e-5)


def headnormrope_halfsplit(out) -> None:
    for seed, (case, heads, size, rows, theta) in enumerate([("halfsplit", 4, 24, 9, 500000.0), ("halfsplit_large", 2, 128, 37, 1000000.0)], 850):
        config = Qwen3Config(
            head_dim=size, hidden_size=heads * size, num_attention_heads=heads, num_key_value_heads=heads,
            rope_parameters={"rope_type": "default", "rope_theta": theta})
        rotary = Qwen3RotaryEmbedding(config)

        def layer(x, weight, heads, eps):
            x = rms(x.unflatten(1, (heads, -1)), weight, eps, Qwen3RMSNorm)[None].transpose(1, 2)
            cos, sin = rotary.to(x.device)(x, torch.arange(x.shape[2], device=x.device)[None])
            y, _ = apply_rotary_pos_emb(x, x, cos, sin)
            return y[0].transpose(0, 1).flatten(1)

        numbers = Numbers(seed)
        inputs = {"x": numbers.normal(rows, heads * size), "weight": numbers.normal(size, scale=0.1, shift=1.0)}
        cos, sin = rotary(torch.zeros(1), torch.arange(rows)[None])
        ref, narrow = run(layer, {**inputs, "heads": heads, "eps": 1e-6}, torch.float32)
        files = {**packed(inputs), "cos": cos[0, :, :size // 2], "sin": sin[0, :, :size // 2]}
        save(out, "headnormrope", case, seed, files, ref, narrow, layout="halfsplit", heads=heads, eps=1e-6)


def elementwise(out) -> None:
    def swiglu(gate_up):
        gate, up = gate_up.chunk(2, dim=1)
        return FeedForward._forward_silu_gating(None, gate, up)

    for seed, (case, rows, width) in enumerate([("small", 3, 17), ("large", 64, 320)], 900):
        inputs = {"gate_up": Numbers(seed).normal(rows, 2 * width, scale=3.0)}
        ref, narrow = run(swiglu, inputs)
        save(out, "swiglu", case, seed, packed(inputs), ref, narrow)

    for seed, (case, shape) in enumerate([("small", (5, 7)), ("picture", (1, 5, 3, 33))], 910):
        inputs = {"x": Numbers(seed).normal(*shape, scale=4.0)}
        ref, narrow = run(F.silu, {"input": inputs["x"]})
        save(out, "silu", case, seed, packed(inputs), ref, narrow)

    for seed, (case, shape) in enumerate([("small", (5, 7)), ("picture", (2, 3, 5, 19))], 920):
        numbers = Numbers(seed)
        inputs = {"x": numbers.normal(*shape, scale=2.0), "y": numbers.normal(*shape)}
        ref, narrow = run(lambda x, y: x + y, inputs)
        save(out, "add", case, seed, packed(inputs), ref, narrow)

    def modulation(x, width):
        return torch.cat([torch.tanh(z) if i % 2 else 1.0 + z for i, z in enumerate(x.split(width, dim=1))], dim=1)

    for seed, (case, rows, chunks, width) in enumerate([("block", 1, 4, 120), ("final", 3, 1, 77), ("schedule", 8, 4, 33)], 930):
        inputs = {"x": Numbers(seed).normal(rows, chunks * width)}
        ref, narrow = run(modulation, {**inputs, "width": width})
        save(out, "modulation", case, seed, packed(inputs), ref, narrow, width=width)
