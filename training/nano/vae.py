"""AutoencoderKL of the FLUX type with diffusers' parameter names."""

import torch
from torch import nn
from torch.nn import functional as F

from .ops import attention

EPS = 1e-6


def norm_act(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int, act: bool) -> torch.Tensor:
    """GroupNorm with float32 statistics, then SiLU; in the memory order of x."""
    b, c, h, w = x.shape
    wide = x.permute(0, 2, 3, 1).reshape(b, h * w, groups, c // groups).float()
    mean = wide.mean((1, 3), keepdim=True)
    variance = (wide * wide).mean((1, 3), keepdim=True) - mean * mean
    wide = ((wide - mean) * torch.rsqrt(variance.clamp_min(0) + EPS)).reshape(b, h, w, c)
    wide = wide * weight.float() + bias.float()
    if act:
        wide = F.silu(wide)
    return wide.to(x.dtype).permute(0, 3, 1, 2)


_NORM_ACT = [norm_act]


def compile_norms() -> None:
    """Fuses the norms; convolutions stay with cuDNN."""
    _NORM_ACT[0] = torch.compile(norm_act, dynamic=True)


class GroupNorm(nn.Module):
    def __init__(self, groups: int, channels: int):
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor, act: bool = True) -> torch.Tensor:
        if x.is_cuda:
            return _NORM_ACT[0](x, self.weight, self.bias, self.groups, act)
        x = F.group_norm(x, self.groups, self.weight, self.bias, EPS)
        return F.silu(x) if act else x


class Resnet(nn.Module):
    def __init__(self, inner: int, outer: int, groups: int):
        super().__init__()
        self.norm1 = GroupNorm(groups, inner)
        self.conv1 = nn.Conv2d(inner, outer, 3, padding=1)
        self.norm2 = GroupNorm(groups, outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inner, outer, 1) if inner != outer else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv2(self.norm2(self.conv1(self.norm1(x))))
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
