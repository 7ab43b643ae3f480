"""imaging/lanczos.safetensors: Pillow's LANCZOS resampling, which is what the pipeline resizes input pictures with."""

import numpy as np
import PIL
import torch
from PIL import Image

from .common import Numbers, save

# (width, height) before and after.
SIZES = [
    ((32, 24), (16, 12)), ((31, 17), (48, 40)), ((64, 48), (21, 33)), ((1, 1), (5, 3)), ((7, 1), (3, 4)), ((1, 9), (4, 2)),
    ((50, 40), (1, 1)), ((20, 20), (20, 20)), ((33, 29), (33, 16)), ((33, 29), (80, 29)), ((90, 70), (64, 48)),
]


def export(out) -> None:
    tensors = {}
    for index, ((width, height), target) in enumerate(SIZES):
        picture = Numbers(4000 + index).integers(0, 256, height, width, 3).to(torch.uint8)
        if index % 2:
            # Hard edges and flat areas: where the negative lobes clip.
            picture = (picture > 127).to(torch.uint8) * 255
        resized = Image.fromarray(picture.numpy()).resize(target, Image.Resampling.LANCZOS)
        tensors[f"input.{index}"] = picture
        tensors[f"ref.{index}"] = torch.from_numpy(np.array(resized))
    save(out / "imaging" / "lanczos.safetensors", tensors, 4000, pillow=PIL.__version__)
