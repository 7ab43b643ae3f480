"""vae/<checkpoint>.{decode,encode}.safetensors: the autoencoder with its named intermediates, in PyTorch's layout [n, c, h, w]."""

import re

from . import checkpoints
from .common import Numbers, Recorder, load_pipeline, save

LATENT = {"tiny-turbo": (3, 2), "tiny-base": (5, 3)}
NAMED = re.compile(
    r"(en|de)coder\.(conv_in|conv_out|conv_norm_out|mid_block\.(resnets|attentions)\.\d+"
    r"|(up|down)_blocks\.\d+(\.(resnets|upsamplers|downsamplers)\.\d+)?)")
NAMED_BF16 = re.compile(r"(en|de)coder\.(conv_in|mid_block\.attentions\.\d+|(up|down)_blocks\.\d+)")


def export(out) -> None:
    for index, name in enumerate(checkpoints.NAMES):
        folder = checkpoints.folder(out, name)
        decode(out, name, folder, 3000 + index)
        encode(out, name, folder, 3010 + index)


def traced(vae, pattern, function):
    with Recorder(vae, lambda path: pattern.fullmatch(path) is not None, shape=lambda x: x) as recorder:
        result = function(vae)
    return result, recorder.tensors


def store(out, name, kind, seed, inputs, reference, narrow) -> None:
    tensors = {f"input.{key}": value for key, value in inputs.items()}
    tensors.update({f"ref.{key}": value for key, value in reference.items()})
    tensors.update({f"torch_bf16.{key}": value for key, value in narrow.items()})
    save(out / "vae" / f"{name}.{kind}.safetensors", tensors, seed, checkpoint=name, case=kind)


def decode(out, name, folder, seed) -> None:
    latents = Numbers(seed).normal(1, 16, *LATENT[name])

    def function(vae):
        parameter = next(vae.parameters())
        z = (latents.to(parameter.device, parameter.dtype) / vae.config.scaling_factor) + vae.config.shift_factor
        return {"scaled": z, "image": vae.decode(z, return_dict=False)[0]}

    result, reference = traced(load_pipeline(folder).vae, NAMED, function)
    narrow_result, narrow = traced(load_pipeline(folder, True).vae, NAMED_BF16, function)
    store(out, name, "decode", seed, {"latents": latents}, {**reference, **result}, {**narrow, **narrow_result})


def encode(out, name, folder, seed) -> None:
    factor = load_pipeline(folder).vae_scale_factor
    height, width = (extent * factor for extent in LATENT[name])
    pixels = Numbers(seed).uniform(1, 3, height, width, low=-1.0, high=1.0)

    def function(vae):
        parameter = next(vae.parameters())
        distribution = vae.encode(pixels.to(parameter.device, parameter.dtype)).latent_dist
        latents = (distribution.mean - vae.config.shift_factor) * vae.config.scaling_factor
        return {"mean": distribution.mean, "logvar": distribution.logvar, "latents": latents}

    result, reference = traced(load_pipeline(folder).vae, NAMED, function)
    narrow_result, narrow = traced(load_pipeline(folder, True).vae, NAMED_BF16, function)
    store(out, name, "encode", seed, {"pixels": pixels}, {**reference, **result}, {**narrow, **narrow_result})
