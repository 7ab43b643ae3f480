"""AutoencoderKL of the FLUX type with diffusers' parameter names."""

import torch
from torch import nn
from torch.nn import functional as F

from .ops import attention, compiled_copy, vary

EPS = 1e-6


def parts(pixels: int) -> int:
    """How many parts the sums over the pixels are made of, so that the whole GPU works on them."""
    count = 1 if pixels % 2 else 2
    while pixels % (2 * count) == 0 and pixels // count > 512:
        count *= 2
    return count


def sums(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """x (batch, parts, pixels, channels) -> sums of x and of its squares over the pixels, float32."""
    wide = x.float()
    return wide.sum(2).sum(1), (wide * wide).sum(2).sum(1)


def apply_act(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    z = x.float() * scale.unsqueeze(1) + shift.unsqueeze(1)
    return (z * torch.sigmoid(z)).to(x.dtype)


def apply_plain(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    return (x.float() * scale.unsqueeze(1) + shift.unsqueeze(1)).to(x.dtype)


def back_sums_act(x: torch.Tensor, dy: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums over the pixels of dz and of dz x, where z is what SiLU is applied to; x and dy in parts."""
    wide = x.float()
    z = wide * scale[:, None, None] + shift[:, None, None]
    s = torch.sigmoid(z)
    dz = dy.float() * (s * (1 + z * (1 - s)))
    return dz.sum(2).sum(1), (dz * wide).sum(2).sum(1)


def back_sums_plain(x: torch.Tensor, dy: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    dz = dy.float()
    return dz.sum(2).sum(1), (dz * x.float()).sum(2).sum(1)


def back_apply_act(x: torch.Tensor, dy: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, slope: torch.Tensor,
                   offset: torch.Tensor) -> torch.Tensor:
    """dz scale + x slope + offset."""
    wide = x.float()
    z = wide * scale.unsqueeze(1) + shift.unsqueeze(1)
    s = torch.sigmoid(z)
    dz = dy.float() * (s * (1 + z * (1 - s)))
    return (dz * scale.unsqueeze(1) + wide * slope.unsqueeze(1) + offset.unsqueeze(1)).to(x.dtype)


def back_apply_plain(x: torch.Tensor, dy: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, slope: torch.Tensor,
                     offset: torch.Tensor) -> torch.Tensor:
    return (dy.float() * scale.unsqueeze(1) + x.float() * slope.unsqueeze(1) + offset.unsqueeze(1)).to(x.dtype)


def grouped(t: torch.Tensor, groups: int, pixels: torch.Tensor) -> torch.Tensor:
    """Means over each group's channels of sums over the pixels, repeated for every channel."""
    b, c = t.shape
    mean = t.view(b, groups, c // groups).sum(2, keepdim=True) / (pixels * (c // groups))
    return mean.expand(b, groups, c // groups).reshape(b, c)


def statistics(raw: torch.Tensor, squares: torch.Tensor, before: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor,
               pixels: torch.Tensor, groups: int) -> tuple[torch.Tensor, ...]:
    """Mean and 1 / deviation of x + before, and the scale and shift that the norm applies to x."""
    mean = grouped(raw + pixels * before, groups, pixels)
    square = grouped(squares + 2 * before * raw + pixels * before * before, groups, pixels)
    rstd = torch.rsqrt((square - mean * mean).clamp_min(0) + EPS)
    scale = rstd * weight
    return mean, rstd, scale, bias + (before - mean) * scale


def slopes(d0: torch.Tensor, d1: torch.Tensor, raw: torch.Tensor, before: torch.Tensor, weight: torch.Tensor, mean: torch.Tensor,
           rstd: torch.Tensor, scale: torch.Tensor, pixels: torch.Tensor, groups: int) -> tuple[torch.Tensor, ...]:
    """What back_apply needs, and the gradients of before, weight and bias."""
    d1 = (d1 + (before - mean) * d0) * rstd
    slope = -rstd * rstd * grouped(weight * d1, groups, pixels)
    offset = -rstd * grouped(weight * d0, groups, pixels) + slope * (before - mean)
    return slope, offset, (d0 * scale + raw * slope + pixels * offset).sum(0), d1.sum(0), d0.sum(0)


PASSES = {f.__name__: f for f in (sums, apply_act, apply_plain, back_sums_act, back_sums_plain, back_apply_act, back_apply_plain,
                                  statistics, slopes)}
_COMPILED: dict | None = None
_COUNTS: dict = {}


def compile_norms() -> None:
    """Each pass over the pixels becomes one kernel per number of channels; convolutions stay with cuDNN."""
    global _COMPILED
    _COMPILED = _COMPILED if _COMPILED is not None else {}


def run_pass(name: str, *arguments):
    if _COMPILED is None:
        return PASSES[name](*arguments)
    key = (name, arguments[0].shape[-1])
    if key not in _COMPILED:
        _COMPILED[key] = compiled_copy(PASSES[name], str(key[1]))
    return _COMPILED[key](*(vary(x, *range(x.dim() - 1)) if isinstance(x, torch.Tensor) else x for x in arguments))


def counted(pixels: int, device: torch.device) -> torch.Tensor:
    """The number as a tensor, since a plain number would be compiled in."""
    key = (pixels, str(device))
    if key not in _COUNTS:
        _COUNTS[key] = torch.full((), float(pixels), device=device)
    return _COUNTS[key]


class _Norm(torch.autograd.Function):
    """GroupNorm of x (batch, pixels, channels) + before, with float32 statistics, then SiLU. The pixels are read twice and written
    once, forwards and backwards; everything between is done on (batch, channels)."""

    @staticmethod
    def forward(ctx, x, before, weight, bias, groups: int, act: bool):
        kind = "act" if act else "plain"
        b, pixels, c = x.shape
        raw, squares = run_pass("sums", x.view(b, parts(pixels), -1, c))
        before = torch.zeros_like(weight) if before is None else before
        mean, rstd, scale, shift = run_pass("statistics", raw, squares, before, weight, bias, counted(pixels, x.device), groups)
        ctx.save_for_backward(x, raw, before, weight, mean, rstd, scale, shift)
        ctx.groups, ctx.kind = groups, kind
        return run_pass(f"apply_{kind}", x, scale, shift)

    @staticmethod
    def backward(ctx, dy):
        x, raw, before, weight, mean, rstd, scale, shift = ctx.saved_tensors
        b, pixels, c = x.shape
        dy = dy.contiguous()
        shape = (b, parts(pixels), -1, c)
        d0, d1 = run_pass(f"back_sums_{ctx.kind}", x.view(shape), dy.view(shape), scale, shift)
        slope, offset, d_before, d_weight, d_bias = run_pass("slopes", d0, d1, raw, before, weight, mean, rstd, scale,
                                                             counted(pixels, x.device), ctx.groups)
        dx = run_pass(f"back_apply_{ctx.kind}", x, dy, scale, shift, slope, offset)
        return dx, d_before if ctx.needs_input_grad[1] else None, d_weight, d_bias, None, None


class GroupNorm(nn.Module):
    def __init__(self, groups: int, channels: int):
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor, act: bool = True, before: torch.Tensor | None = None) -> torch.Tensor:
        """`before` is added to x first: the bias of the convolution in front, which then costs no pass of its own."""
        if x.is_cuda:
            b, c, h, w = x.shape
            flat = x.permute(0, 2, 3, 1).reshape(b, h * w, c)
            y = _Norm.apply(flat, before, self.weight, self.bias, self.groups, act)
            return y.view(b, h, w, c).permute(0, 3, 1, 2)
        if before is not None:
            x = x + before[:, None, None]
        y = F.group_norm(x.float(), self.groups, self.weight, self.bias, EPS).to(x.dtype)
        return F.silu(y) if act else y


class Resnet(nn.Module):
    def __init__(self, inner: int, outer: int, groups: int):
        super().__init__()
        self.norm1 = GroupNorm(groups, inner)
        self.conv1 = nn.Conv2d(inner, outer, 3, padding=1)
        self.norm2 = GroupNorm(groups, outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inner, outer, 1) if inner != outer else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.conv2d(self.norm1(x), self.conv1.weight, None, padding=1)
        y = self.conv2(self.norm2(y, before=self.conv1.bias))
        return y + (x if self.conv_shortcut is None else self.conv_shortcut(x))


class SpatialAttention(nn.Module):
    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.group_norm = GroupNorm(groups, channels)
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        y = self.group_norm(x, act=False).flatten(2).transpose(1, 2)
        q, k, v = (layer(y).unsqueeze(1) for layer in (self.to_q, self.to_k, self.to_v))
        y = self.to_out[0](attention(q, k, v).squeeze(1))
        return x + y.transpose(1, 2).reshape(b, c, h, w)


class Middle(nn.Module):
    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.resnets = nn.ModuleList(Resnet(channels, channels, groups) for _ in range(2))
        self.attentions = nn.ModuleList([SpatialAttention(channels, groups)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Resampler(nn.Module):
    """Holds `conv` under diffusers' name; halves (padded right and below) or doubles (nearest)."""

    def __init__(self, channels: int, up: bool):
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(channels, channels, 3, padding=1) if up else nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else F.pad(x, (0, 1, 0, 1))
        return self.conv(x)


class Level(nn.Module):
    def __init__(self, inner: int, outer: int, count: int, groups: int, resample: str | None):
        super().__init__()
        self.resnets = nn.ModuleList(Resnet(inner if i == 0 else outer, outer, groups) for i in range(count))
        self.downsamplers = nn.ModuleList([Resampler(outer, False)]) if resample == "down" else None
        self.upsamplers = nn.ModuleList([Resampler(outer, True)]) if resample == "up" else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in [*self.resnets, *(self.downsamplers or []), *(self.upsamplers or [])]:
            x = layer(x)
        return x


class Half(nn.Module):
    """Encoder or decoder."""

    def __init__(self, c: dict, decoder: bool):
        super().__init__()
        channels, groups, count = list(c["block_out_channels"]), c["norm_num_groups"], c["layers_per_block"]
        self.decoder = decoder
        if decoder:
            channels, count = channels[::-1], count + 1
        first, last, final = channels[0], channels[-1], len(channels) - 1
        self.conv_in = nn.Conv2d(c["latent_channels"] if decoder else 3, first, 3, padding=1)
        levels = nn.ModuleList(
            Level(channels[max(i - 1, 0)], channels[i], count, groups, None if i == final else "up" if decoder else "down")
            for i in range(len(channels)))
        setattr(self, "up_blocks" if decoder else "down_blocks", levels)
        self.mid_block = Middle(first if decoder else last, groups)
        self.conv_norm_out = GroupNorm(groups, last)
        self.conv_out = nn.Conv2d(last, 3 if decoder else 2 * c["latent_channels"], 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(x)
        parts = [self.mid_block, *self.up_blocks] if self.decoder else [*self.down_blocks, self.mid_block]
        for part in parts:
            x = part(x)
        return self.conv_out(self.conv_norm_out(x))


class AutoencoderKL(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.config = config
        self.encoder = Half(config, False)
        self.decoder = Half(config, True)

    def encode(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels in [-1, 1] -> mean and log variance, unscaled."""
        mean, logvar = self.encoder(pixels).chunk(2, 1)
        return mean.float(), logvar.float().clamp(-30, 20)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Unscaled latents -> pixels in [-1, 1]."""
        return self.decoder(z)

    def scale(self, mean: torch.Tensor) -> torch.Tensor:
        return (mean - self.config["shift_factor"]) * self.config["scaling_factor"]

    def unscale(self, latents: torch.Tensor) -> torch.Tensor:
        return latents / self.config["scaling_factor"] + self.config["shift_factor"]
