"""The S3-DiT with diffusers' parameter names, for whole batches whose captions share one padded length."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .ops import attention, compiled_copy, rms_norm, rotate_pairs, vary

MULTIPLE = 32
ADALN_WIDTH = 256


def padded(count: int) -> int:
    return -(-count // MULTIPLE) * MULTIPLE


class Norm(nn.Module):
    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return rms_norm(x, self.weight, self.eps)


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_k = nn.Linear(dim, dim, bias=False)
        self.to_v = nn.Linear(dim, dim, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(dim, dim, bias=False)])
        self.norm_q = Norm(dim // heads, 1e-5)
        self.norm_k = Norm(dim // heads, 1e-5)


class FeedForward(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        hidden = int(dim / 3 * 8)
        self.w1 = nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)
        self.w3 = nn.Linear(dim, hidden, bias=False)


def feed_forward(x: torch.Tensor, w1: torch.Tensor, w2: torch.Tensor, w3: torch.Tensor) -> torch.Tensor:
    """SwiGLU. The hidden width is filled up with zeros to a multiple of 16, which changes no result: a width such as 682 has no
    aligned rows in bfloat16, and the GPU's matrix units would be left to their slowest kernels."""
    extra = -w1.shape[0] % 16
    if extra:
        w1, w3, w2 = F.pad(w1, (0, 0, 0, extra)), F.pad(w3, (0, 0, 0, extra)), F.pad(w2, (0, extra))
    return F.linear(F.silu(F.linear(x, w1)) * F.linear(x, w3), w2)


def attend(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, heads: int, wq: torch.Tensor, wk: torch.Tensor, wv: torch.Tensor,
           wo: torch.Tensor, norm_q: torch.Tensor, norm_k: torch.Tensor) -> torch.Tensor:
    q = rotate_pairs(rms_norm(F.linear(x, wq).unflatten(-1, (heads, -1)), norm_q, 1e-5), cos, sin)
    k = rotate_pairs(rms_norm(F.linear(x, wk).unflatten(-1, (heads, -1)), norm_k, 1e-5), cos, sin)
    v = F.linear(x, wv).unflatten(-1, (heads, -1))
    out = attention(q.transpose(1, 2), k.transpose(1, 2), v.to(q.dtype).transpose(1, 2))
    return F.linear(out.transpose(1, 2).flatten(2), wo)


def plain_block(x, cos, sin, temb, heads: int, eps: float, attention_weights, ffn_weights, n1, n2, f1, f2, modulation):
    x = x + rms_norm(attend(rms_norm(x, n1, eps), cos, sin, heads, *attention_weights), n2, eps)
    return x + rms_norm(feed_forward(rms_norm(x, f1, eps), *ffn_weights), f2, eps)


def modulated_block(x, cos, sin, temb, heads: int, eps: float, attention_weights, ffn_weights, n1, n2, f1, f2, modulation):
    scale_a, gate_a, scale_f, gate_f = F.linear(temb, *modulation).unsqueeze(1).chunk(4, 2)
    out = attend(rms_norm(x, n1, eps) * (1 + scale_a), cos, sin, heads, *attention_weights)
    x = x + gate_a.tanh() * rms_norm(out, n2, eps)
    out = feed_forward(rms_norm(x, f1, eps) * (1 + scale_f), *ffn_weights)
    return x + gate_f.tanh() * rms_norm(out, f2, eps)


_COMPILED: dict = {}


class Block(nn.Module):
    """Sandwich-norm block; modulated by the time, or not (context refiner)."""

    def __init__(self, dim: int, heads: int, eps: float, modulated: bool):
        super().__init__()
        self.attention = Attention(dim, heads)
        self.feed_forward = FeedForward(dim)
        self.attention_norm1 = Norm(dim, eps)
        self.attention_norm2 = Norm(dim, eps)
        self.ffn_norm1 = Norm(dim, eps)
        self.ffn_norm2 = Norm(dim, eps)
        self.heads, self.eps, self.modulated, self.compiled = heads, eps, modulated, False
        if modulated:
            self.adaLN_modulation = nn.ModuleList([nn.Linear(min(dim, ADALN_WIDTH), 4 * dim)])

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, temb: torch.Tensor | None) -> torch.Tensor:
        a, f = self.attention, self.feed_forward
        modulation = (self.adaLN_modulation[0].weight, self.adaLN_modulation[0].bias) if self.modulated else None
        function = modulated_block if self.modulated else plain_block
        if self.compiled:
            # The weights are arguments, so that one compilation serves every block of every network.
            key = (self.modulated, torch.is_grad_enabled())
            if key not in _COMPILED:
                _COMPILED[key] = compiled_copy(function, "train" if key[1] else "frozen")
            function = _COMPILED[key]
            x, cos, sin = vary(x, 0, 1), vary(cos, 0), vary(sin, 0)
            temb = None if temb is None else vary(temb, 0)
        return function(x, cos, sin, temb, self.heads, self.eps,
                        (a.to_q.weight, a.to_k.weight, a.to_v.weight, a.to_out[0].weight, a.norm_q.weight, a.norm_k.weight),
                        (f.w1.weight, f.w2.weight, f.w3.weight), self.attention_norm1.weight, self.attention_norm2.weight,
                        self.ffn_norm1.weight, self.ffn_norm2.weight, modulation)


class TimeEmbedder(nn.Module):
    def __init__(self, out: int):
        super().__init__()
        self.mlp = nn.ModuleList([nn.Linear(256, 1024), nn.SiLU(), nn.Linear(1024, out)])

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        frequencies = torch.exp(-math.log(10000) * torch.arange(128, dtype=torch.float32, device=t.device) / 128)
        angles = t[:, None].float() * frequencies[None]
        x = torch.cat([angles.cos(), angles.sin()], -1)
        for layer in self.mlp:
            x = layer(x)
        return x


class FinalLayer(nn.Module):
    def __init__(self, dim: int, out: int):
        super().__init__()
        self.linear = nn.Linear(dim, out)
        self.adaLN_modulation = nn.ModuleList([nn.SiLU(), nn.Linear(min(dim, ADALN_WIDTH), dim)])

    def forward(self, x: torch.Tensor, temb: torch.Tensor) -> torch.Tensor:
        scale = 1 + self.adaLN_modulation[1](F.silu(temb)).unsqueeze(1)
        x = F.layer_norm(x.float(), x.shape[-1:], eps=1e-6).to(x.dtype)
        return self.linear(x * scale)


class Transformer(nn.Module):
    """Velocity network. `tap` names the main layer whose image tokens forward() also returns, for auxiliary heads."""

    def __init__(self, config: dict):
        super().__init__()
        c = self.config = config
        dim, heads, eps = c["dim"], c["n_heads"], c["norm_eps"]
        self.patch_width = c["in_channels"] * 4
        self.all_x_embedder = nn.ModuleDict({"2-1": nn.Linear(self.patch_width, dim)})
        self.all_final_layer = nn.ModuleDict({"2-1": FinalLayer(dim, self.patch_width)})
        self.noise_refiner = nn.ModuleList(Block(dim, heads, eps, True) for _ in range(c["n_refiner_layers"]))
        self.context_refiner = nn.ModuleList(Block(dim, heads, eps, False) for _ in range(c["n_refiner_layers"]))
        self.t_embedder = TimeEmbedder(min(dim, ADALN_WIDTH))
        self.cap_embedder = nn.ModuleList([Norm(c["cap_feat_dim"], eps), nn.Linear(c["cap_feat_dim"], dim)])
        self.x_pad_token = nn.Parameter(torch.zeros(1, dim))
        self.cap_pad_token = nn.Parameter(torch.zeros(1, dim))
        self.layers = nn.ModuleList(Block(dim, heads, eps, True) for _ in range(c["n_layers"]))
        self.tables: dict = {}
        self.reset()

    def reset(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 and "pad_token" not in name:
                nn.init.normal_(parameter, std=1 / math.sqrt(parameter.shape[1]))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        nn.init.normal_(self.x_pad_token, std=0.02)
        nn.init.normal_(self.cap_pad_token, std=0.02)
        for block in [*self.noise_refiner, *self.layers]:
            linear = block.adaLN_modulation[0]
            nn.init.normal_(linear.weight, std=0.01)
            linear.bias.data.view(4, -1)[1::2] = 0.25
        final = self.all_final_layer["2-1"]
        nn.init.zeros_(final.linear.weight)
        nn.init.normal_(final.adaLN_modulation[1].weight, std=0.01)

    def rope(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """cos and sin (positions, head_dim / 2) of float64 (positions, 3) coordinates."""
        angles = []
        for axis, width in enumerate(self.config["axes_dims"]):
            power = torch.arange(0, width, 2, dtype=torch.float64) / width
            angles.append(torch.outer(positions[:, axis], 1.0 / self.config["rope_theta"] ** power).float())
        angles = torch.cat(angles, -1)
        return angles.cos(), angles.sin()

    def table(self, text: int, height: int, width: int, stretch: float, device) -> tuple:
        """RoPE tables of the image (padded) and of the text; `stretch` spreads a small picture over a large one's places."""
        key = (text, height, width, stretch, str(device))
        if key not in self.tables:
            rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            place = torch.stack([rows, columns], -1).reshape(-1, 2).double()
            image = torch.zeros(padded(len(place)), 3, dtype=torch.float64)
            image[: len(place), 0] = text + 1
            image[: len(place), 1:] = place * stretch + (stretch - 1) / 2
            caption = torch.zeros(text, 3, dtype=torch.float64)
            caption[:, 0] = 1 + torch.arange(text)
            self.tables[key] = tuple(x.to(device) for x in (*self.rope(image), *self.rope(caption)))
        return self.tables[key]

    def embed_text(self, hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The text branch: encoder rows (batch, padded length, width) and true lengths -> refined tokens."""
        count = hidden.shape[1]
        if count % MULTIPLE:
            raise ValueError(f"padded text length {count} is no multiple of {MULTIPLE}")
        x = self.cap_embedder[1](self.cap_embedder[0](hidden))
        real = torch.arange(count, device=x.device)[None] < lengths[:, None]
        x = torch.where(real.unsqueeze(-1), x, self.cap_pad_token.to(x.dtype))
        _, _, cos, sin = self.table(count, 2, 2, 1.0, x.device)
        for block in self.context_refiner:
            x = block(x, cos, sin, None)
        return x

    def forward(self, latents: torch.Tensor, t: torch.Tensor, text: torch.Tensor, stretch: float = 1.0,
                tap: int | None = None):
        """latents (batch, channels, h, w), t (batch,) from 0 noise to 1 image, text from embed_text -> velocity."""
        b, channels, h, w = latents.shape
        count = (h // 2) * (w // 2)
        temb = self.t_embedder(t * self.config["t_scale"])
        tokens = latents.view(b, channels, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(b, count, -1)
        x = self.all_x_embedder["2-1"](tokens)
        extra = padded(count) - count
        if extra:
            x = torch.cat([x, self.x_pad_token.to(x.dtype).expand(b, extra, -1)], 1)
        cos_x, sin_x, cos_t, sin_t = self.table(text.shape[1], h // 2, w // 2, stretch, x.device)
        for block in self.noise_refiner:
            x = block(x, cos_x, sin_x, temb)
        x = torch.cat([x, text.to(x.dtype)], 1)
        cos, sin = torch.cat([cos_x, cos_t]), torch.cat([sin_x, sin_t])
        tapped = None
        for index, block in enumerate(self.layers):
            x = block(x, cos, sin, temb)
            if index == tap:
                tapped = x[:, :count]
        x = self.all_final_layer["2-1"](x[:, :count], temb)
        x = x.view(b, h // 2, w // 2, 2, 2, channels).permute(0, 5, 1, 3, 2, 4).reshape(b, channels, h, w)
        return x if tap is None else (x, tapped)

    def compile_blocks(self) -> None:
        for block in [*self.noise_refiner, *self.context_refiner, *self.layers]:
            block.compiled = True
