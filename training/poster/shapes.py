"""Signed distances of the ten shapes. This table is the definition; the C# checker repeats it.

A shape with centre (cx, cy) and radius R (both in pixels) is tested at p = (x, y) = ((px - cx) / R, (py - cy) / R),
px and py at pixel centres (column + 0.5, row + 0.5), y down. d(p) <= 0 is inside; d * R is the distance in pixels.
Coverage of a pixel = clamp(0.5 - d * R, 0, 1).

  kind      d(x, y)
  --------  --------------------------------------------------------------------------------------------------------
  circle    |p| - 1
  square    max(|x|, |y|) - 0.9
  triangle  max(y - 0.62, (1.62 |x| - 0.95 (y + 1)) / sqrt(1.62^2 + 0.95^2))            corners (0,-1), (+-0.95, 0.62)
  star      five points, one up: a = atan2(x, -y); b = |((a + pi/5) mod 2pi/5) - pi/5|; u = |p| cos b, v = |p| sin b;
            d = ((u - 1) q sin(pi/5) + v (1 - q cos(pi/5))) / sqrt((q sin(pi/5))^2 + (1 - q cos(pi/5))^2), q = 0.47
  heart     s = 0.8284, e = 0.17; min( (|x| + |y - e| - s) / sqrt 2,  |(|x| - s/2, y - e + s/2)| - s / sqrt 2 )
  ring      ||p| - 0.79| - 0.21                                                           outer 1, inner 0.58
  cross     min( max(|x| - 1, |y| - 0.36), max(|x| - 0.36, |y| - 1) )
  crescent  max( |(x - 0.28, y)| - 1, 0.85 - |(x - 0.78, y)| )                            a disc without another, opens right
  diamond   (|x| / 0.85 + |y| - 1) / sqrt(1 / 0.85^2 + 1)
  hexagon   max(|y|, |x| sqrt(3)/2 + |y| / 2) - sqrt(3)/2                                 corners at (+-1, 0)
  mod is the non-negative remainder.
"""

from __future__ import annotations

import math

import torch

STAR_INNER = 0.47
HEART_S, HEART_E = 0.8284, 0.17

_S5, _C5 = math.sin(math.pi / 5), math.cos(math.pi / 5)
_STAR_N = math.hypot(STAR_INNER * _S5, 1 - STAR_INNER * _C5)
_TRI_N = math.hypot(1.62, 0.95)
_DIA_N = math.hypot(1 / 0.85, 1.0)
_H3 = math.sqrt(3) / 2


def circle(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.sqrt(x * x + y * y) - 1


def square(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.maximum(x.abs(), y.abs()) - 0.9


def triangle(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.maximum(y - 0.62, (1.62 * x.abs() - 0.95 * (y + 1)) / _TRI_N)


def star(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    a = torch.atan2(x, -y)
    b = (torch.remainder(a + math.pi / 5, 2 * math.pi / 5) - math.pi / 5).abs()
    r = torch.sqrt(x * x + y * y)
    return ((r * torch.cos(b) - 1) * (STAR_INNER * _S5) + r * torch.sin(b) * (1 - STAR_INNER * _C5)) / _STAR_N


def heart(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    ax, z = x.abs(), y - HEART_E
    lobe = torch.sqrt((ax - HEART_S / 2) ** 2 + (z + HEART_S / 2) ** 2) - HEART_S / math.sqrt(2)
    return torch.minimum((ax + z.abs() - HEART_S) / math.sqrt(2), lobe)


def ring(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (torch.sqrt(x * x + y * y) - 0.79).abs() - 0.21


def cross(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    ax, ay = x.abs(), y.abs()
    return torch.minimum(torch.maximum(ax - 1, ay - 0.36), torch.maximum(ax - 0.36, ay - 1))


def crescent(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    y2 = y * y
    return torch.maximum(torch.sqrt((x - 0.28) ** 2 + y2) - 1, 0.85 - torch.sqrt((x - 0.78) ** 2 + y2))


def diamond(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x.abs() / 0.85 + y.abs() - 1) / _DIA_N


def hexagon(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    ax, ay = x.abs(), y.abs()
    return torch.maximum(ay, ax * _H3 + ay / 2) - _H3


DISTANCES = [circle, square, triangle, star, heart, ring, cross, crescent, diamond, hexagon]  # order of vocabulary.KINDS


def distance(kind: int, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Signed distance in units of the radius."""
    return DISTANCES[kind](x, y)
