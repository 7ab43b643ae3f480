"""The flow-matching Euler sampler with static shift, and guidance, as the pipeline runs it."""

import numpy as np
import torch

from .ops import autocast


def sigmas(steps: int, shift: float) -> torch.Tensor:
    """Noise levels of `steps` evaluations and the final 0."""
    s = np.linspace(1.0, 1.0 / steps, steps).astype(np.float32)
    s = shift * s / (1 + (shift - 1) * s)
    return torch.cat([torch.from_numpy(s), torch.zeros(1)])


@torch.no_grad()
def sample(transformer, noise: torch.Tensor, text: torch.Tensor, steps: int, shift: float, guidance: float = 0.0,
           negative: torch.Tensor | None = None) -> torch.Tensor:
    """noise (batch, channels, h, w) float32; text and negative from embed_text, of their own padded lengths."""
    levels = sigmas(steps, shift)
    x = noise.float()
    for i in range(steps):
        t = torch.full((len(x),), 1.0 - float(levels[i]), device=x.device)
        with autocast(x.device):
            v = transformer(x, t, text).float()
            if guidance > 0:
                away = transformer(x, t, negative).float()
                v = v + guidance * (v - away)
        x = x + float(levels[i] - levels[i + 1]) * v
    return x
