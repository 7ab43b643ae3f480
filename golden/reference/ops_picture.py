"""Between latents, activations and pixels."""

import numpy as np
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

from .cases import bf16, run, save
from .common import Numbers

SCALING, SHIFT = 0.3611, 0.1159


def export(out) -> None:
    latents_to_channels_last(out)
    channels_last_to_latents(out)
    torgb8(out)
    fromrgb8(out)


def latents_to_channels_last(out) -> None:
    def function(x):
        return ((x / SCALING) + SHIFT).permute(0, 2, 3, 1)

    for seed, (case, shape) in enumerate([("one", (1, 16, 5, 3)), ("batch", (2, 4, 2, 7))], 1100):
        x = Numbers(seed).normal(*shape)
        ref, narrow = run(function, {"x": x})
        save(out, "latentstochannelslast", case, seed, {"x": x}, ref, narrow, scale=1 / SCALING, shift=SHIFT)


def channels_last_to_latents(out) -> None:
    def function(x, channels):
        return (x.permute(0, 3, 1, 2)[:, :channels] - SHIFT) * SCALING

    for seed, (case, shape, channels) in enumerate([("mean_of_moments", (1, 5, 3, 32), 16), ("all_channels", (2, 2, 3, 4), 4)], 1110):
        x = Numbers(seed).normal(*shape, scale=2.0)
        ref, narrow = run(function, {"x": x, "channels": channels})
        save(out, "channelslasttolatents", case, seed, {"x": bf16(x)}, ref, narrow, channels=channels, shift=-SHIFT, scale=SCALING)


def torgb8(out) -> None:
    for seed, (case, height, width, scale) in enumerate([("clipped", 7, 5, 1.5), ("fine", 24, 16, 0.4)], 1120):
        x = Numbers(seed).normal(height, width, 3, scale=scale)
        picture = VaeImageProcessor().postprocess(x.permute(2, 0, 1)[None], output_type="pil")[0]
        save(out, "torgb8", case, seed, {"x": bf16(x)}, torch.from_numpy(np.array(picture)), kind="exact")


def fromrgb8(out) -> None:
    for seed, (case, height, width) in enumerate([("all_values", 16, 16), ("odd", 3, 7)], 1130):
        pixels = Numbers(seed).integers(0, 256, height, width, 3).to(torch.uint8)
        if case == "all_values":
            pixels[..., 0] = torch.arange(256, dtype=torch.uint8).view(16, 16)
        processor = VaeImageProcessor(vae_scale_factor=1)
        ref = processor.preprocess(Image.fromarray(pixels.numpy()))[0].permute(1, 2, 0)
        save(out, "fromrgb8", case, seed, {"rgb": pixels}, ref, ref.bfloat16())
