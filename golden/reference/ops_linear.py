"""Linear layers, attention, convolution."""

import torch
import torch.nn.functional as F
from diffusers.models.downsampling import Downsample2D
from diffusers.models.upsampling import Upsample2D

from .cases import packed, run, save
from .common import Numbers


def export(out) -> None:
    linear(out)
    attention(out)
    conv2d(out)


def linear(out) -> None:
    def layer(x, weight, bias):
        return F.linear(x, torch.cat(weight), bias)

    cases = [
        ("bf16_bias", 7, 40, [33], torch.bfloat16, True),
        ("bf16_one_row", 1, 96, [17, 31], torch.bfloat16, True),
        ("f16_three_parts", 13, 64, [48, 16, 16], torch.float16, False),
        ("f32_two_parts", 5, 57, [19, 19], torch.float32, False),
        ("bf16_large", 65, 192, [200], torch.bfloat16, False),
    ]
    for seed, (case, rows, width, parts, stored, biased) in enumerate(cases, 100):
        numbers = Numbers(seed)
        weight = [numbers.weight(part, width) for part in parts]
        # Keep clear of float16's subnormals: the same values must exist in all three types.
        weight = [torch.where(w.abs() < 2.0**-10, torch.full_like(w, 2.0**-10), w) for w in weight]
        inputs = {
            "x": numbers.normal(rows, width),
            "weight": weight,
            "bias": numbers.normal(sum(parts), scale=0.5) if biased else None,
        }
        ref, narrow = run(layer, inputs)
        files = packed(inputs)
        files["weight"] = [w.to(stored) for w in weight]
        if not all(torch.equal(a.float(), b) for a, b in zip(files["weight"], weight)):
            raise ValueError(f"linear/{case}: a weight is not exact in {stored}")
        save(out, "linear", case, seed, files, ref, narrow)


def attention(out) -> None:
    def layer(q, k, v, heads, key_heads, causal, spans):
        result = torch.full_like(q, float("nan"))
        for query_start, query_count, key_start, key_count in spans:
            def split(x, start, count, n):
                return x[start:start + count].unflatten(1, (n, -1)).transpose(0, 1)[None]
            y = F.scaled_dot_product_attention(
                split(q, query_start, query_count, heads), split(k, key_start, key_count, key_heads),
                split(v, key_start, key_count, key_heads), is_causal=causal, enable_gqa=key_heads != heads)
            result[query_start:query_start + query_count] = y[0].transpose(0, 1).flatten(1)
        return result

    cases = [
        ("bidirectional", 3, 3, 40, False, [[0, 33, 0, 33]]),
        ("causal_grouped", 6, 2, 32, True, [[0, 21, 0, 21]]),
        ("causal_ragged", 4, 4, 24, True, [[0, 9, 0, 9], [9, 17, 9, 17]]),
        ("ragged", 2, 2, 40, False, [[0, 7, 0, 7], [7, 35, 7, 35], [42, 1, 42, 1]]),
        ("fewer_queries", 2, 1, 16, False, [[0, 5, 0, 19], [5, 11, 19, 30]]),
        ("one_wide_head", 1, 1, 96, False, [[0, 30, 0, 30]]),
        ("large", 2, 2, 128, False, [[0, 70, 0, 70]]),
    ]
    for seed, (case, heads, key_heads, size, causal, spans) in enumerate(cases, 200):
        numbers = Numbers(seed)
        queries = sum(span[1] for span in spans)
        keys = max(span[2] + span[3] for span in spans)
        tensors = {
            "q": numbers.normal(queries, heads * size, scale=2.0),
            "k": numbers.normal(keys, key_heads * size),
            "v": numbers.normal(keys, key_heads * size),
        }
        params = {"heads": heads, "key_heads": key_heads, "causal": causal, "spans": spans}
        ref, narrow = run(layer, {**tensors, **params})
        save(out, "attention", case, seed, packed(tensors), ref, narrow, head_dim=size, **params)


def conv2d(out) -> None:
    def layer(x, weight, bias, residual, mode):
        outputs, inputs, kernel, _ = weight.shape
        x = x.permute(0, 3, 1, 2)
        if mode == "same":
            y = F.conv2d(x, weight, bias, padding=kernel // 2)
        else:
            module = (Upsample2D(inputs, use_conv=True, out_channels=outputs) if mode == "upsample2"
                      else Downsample2D(inputs, use_conv=True, out_channels=outputs, padding=0, name="op"))
            module.to(x.device, x.dtype)
            module.conv.weight.data.copy_(weight)
            module.conv.bias.data.copy_(bias)
            y = module(x)
        y = y.permute(0, 2, 3, 1)
        return y if residual is None else y + residual

    cases = [
        ("same", "same", 3, (2, 5, 7, 6), 11, False),
        ("same_residual", "same", 3, (1, 9, 4, 16), 16, True),
        ("same_one_pixel", "same", 3, (1, 1, 1, 3), 8, False),
        ("pointwise", "same", 1, (1, 6, 5, 12), 20, True),
        ("upsample", "upsample2", 3, (1, 3, 5, 8), 8, False),
        ("downsample", "downsample2", 3, (2, 6, 4, 8), 8, False),
        ("large", "same", 3, (1, 21, 17, 32), 32, True),
    ]
    for seed, (case, mode, kernel, shape, channels, added) in enumerate(cases, 300):
        numbers = Numbers(seed)
        scale = {"same": 1, "upsample2": 2, "downsample2": 0.5}[mode]
        inputs = {
            "x": numbers.normal(*shape),
            "weight": numbers.weight(channels, shape[3], kernel, kernel),
            "bias": numbers.normal(channels, scale=0.5),
            "residual": numbers.normal(shape[0], int(shape[1] * scale), int(shape[2] * scale), channels) if added else None,
        }
        ref, narrow = run(layer, {**inputs, "mode": mode})
        save(out, "conv2d", case, seed, packed(inputs), ref, narrow, mode=mode)
