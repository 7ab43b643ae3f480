"""The Qwen3 text encoder, with transformers' parameter names. Gives hidden_states[-2]: the last layer and norm never run."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .ops import attention, compiled_copy, rms_norm, rotate_halves, vary


class Norm(nn.Module):
    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return rms_norm(x, self.weight, self.eps)


class SelfAttention(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.width, self.heads, self.kv_heads = c["head_dim"], c["num_attention_heads"], c["num_key_value_heads"]
        self.q_proj = nn.Linear(c["hidden_size"], self.heads * self.width, bias=False)
        self.k_proj = nn.Linear(c["hidden_size"], self.kv_heads * self.width, bias=False)
        self.v_proj = nn.Linear(c["hidden_size"], self.kv_heads * self.width, bias=False)
        self.o_proj = nn.Linear(self.heads * self.width, c["hidden_size"], bias=False)
        self.q_norm = Norm(self.width, c["rms_norm_eps"])
        self.k_norm = Norm(self.width, c["rms_norm_eps"])


class Mlp(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.gate_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.up_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.down_proj = nn.Linear(c["intermediate_size"], c["hidden_size"], bias=False)


def layer_math(x, cos, sin, heads: int, kv_heads: int, eps: float, norm1, norm2, wq, wk, wv, wo, norm_q, norm_k, gate, up, down):
    y = rms_norm(x, norm1, eps)
    q = rotate_halves(rms_norm(F.linear(y, wq).unflatten(-1, (heads, -1)), norm_q, eps), cos, sin).transpose(1, 2)
    k = rotate_halves(rms_norm(F.linear(y, wk).unflatten(-1, (kv_heads, -1)), norm_k, eps), cos, sin).transpose(1, 2)
    v = F.linear(y, wv).unflatten(-1, (kv_heads, -1)).transpose(1, 2)
    k, v = k.repeat_interleave(heads // kv_heads, 1), v.repeat_interleave(heads // kv_heads, 1)
    x = x + F.linear(attention(q, k, v.to(q.dtype), causal=True).transpose(1, 2).flatten(2), wo)
    y = rms_norm(x, norm2, eps)
    return x + F.linear(F.silu(F.linear(y, gate)) * F.linear(y, up), down)


_COMPILED: dict = {}


class Layer(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.self_attn = SelfAttention(c)
        self.mlp = Mlp(c)
        self.input_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])
        self.post_attention_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])
        self.compiled = False

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        a, m, function = self.self_attn, self.mlp, layer_math
        if self.compiled and torch.is_grad_enabled():
            function = _COMPILED.setdefault("train", _COMPILED.get("train") or compiled_copy(layer_math, "train"))
            x, cos, sin = vary(x, 0, 1), vary(cos, 0), vary(sin, 0)
        return function(x, cos, sin, a.heads, a.kv_heads, a.q_norm.eps, self.input_layernorm.weight, self.post_attention_layernorm.weight,
                        a.q_proj.weight, a.k_proj.weight, a.v_proj.weight, a.o_proj.weight, a.q_norm.weight, a.k_norm.weight,
                        m.gate_proj.weight, m.up_proj.weight, m.down_proj.weight)


class Qwen3Encoder(nn.Module):
    """Causal encoder: what stands behind a caption's tokens cannot change their rows, so a batch may be padded freely."""

    def __init__(self, config: dict):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = Norm(config["hidden_size"], config["rms_norm_eps"])
        half = config["head_dim"] // 2
        theta = config["rope_parameters"]["rope_theta"]
        inverse = 1.0 / theta ** (torch.arange(half, dtype=torch.float64) / half)
        angles = torch.outer(torch.arange(config["max_position_embeddings"], dtype=torch.float64), inverse).float()
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.reset()

    def reset(self) -> None:
        """Embeddings of size 1 so that a token stays visible beside what the layers add."""
        nn.init.normal_(self.embed_tokens.weight, std=0.7)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 and "embed" not in name:
                out = "o_proj" in name or "down_proj" in name
                nn.init.normal_(parameter, std=(0.5 if out else 1.0) / math.sqrt(parameter.shape[1]))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """ids (batch, tokens) -> (batch, tokens, hidden)."""
        x = self.embed_tokens(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for layer in self.layers[:-1]:
            x = layer(x, cos, sin)
        return x

    def compile_layers(self) -> None:
        for layer in self.layers:
            layer.compiled = True
