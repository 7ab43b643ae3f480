"""pipeline/<case>.safetensors: whole requests through diffusers' pipelines, in float32 on the CPU, and from the same noise and
prompt embeddings in bfloat16 on the device."""

import functools

import numpy as np
import torch
from diffusers import ZImageImg2ImgPipeline
from diffusers.pipelines.z_image import pipeline_z_image_img2img
from PIL import Image

from . import checkpoints, common
from .common import Numbers, load_pipeline, save

FOX = "a red fox sitting in the snow"
LONG = ("a very long description of a quiet mountain village at sunrise with wooden houses, smoke rising from the chimneys, "
        "a river with a stone bridge, two children walking with a dog, and golden light on the snow of the peaks behind")
GUIDED = dict(guidance=3.5, cfg_normalization=0.8, cfg_truncation=0.5, negative_prompt="blurry, low quality", steps=6)
IMAGE = dict(image="input.image", strength=0.6, steps=5)
DEFAULTS = dict(
    prompts=[FOX], negative_prompt=None, width=32, height=32, steps=3, sigmas=None, guidance=0.0, cfg_normalization=0.0,
    cfg_truncation=1.0, seed=42, images_per_prompt=1, strength=None, image=None, posterior=None)
CASES = {
    "turbo_plain": dict(checkpoint="tiny-turbo", width=64, height=64, steps=8),
    "turbo_guided": dict(checkpoint="tiny-turbo", width=48, height=80, **GUIDED),
    "turbo_img2img_sample": dict(checkpoint="tiny-turbo", width=64, height=48, posterior="sample", seed=3, **IMAGE),
    "turbo_img2img_mean": dict(checkpoint="tiny-turbo", width=64, height=48, posterior="mean", seed=3, **IMAGE),
    "turbo_batch": dict(checkpoint="tiny-turbo", prompts=["owl", LONG, FOX], seed=5),
    "turbo_images_per_prompt": dict(checkpoint="tiny-turbo", prompts=[FOX, "owl"], images_per_prompt=2, guidance=2.0, steps=2),
    "turbo_chinese": dict(checkpoint="tiny-turbo", prompts=["一只红色的狐狸坐在雪地里，阳光明媚"], width=32, height=48, seed=2**40 + 3),
    "turbo_empty_prompt": dict(checkpoint="tiny-turbo", prompts=[""], seed=0),
    "turbo_sigmas": dict(checkpoint="tiny-turbo", sigmas=[1.0, 0.8, 0.45, 0.2], steps=4),
    "turbo_one_step": dict(checkpoint="tiny-turbo", width=48, height=32, steps=1),
    "base_plain": dict(checkpoint="tiny-base", width=64, height=64, steps=4),
    "base_guided": dict(checkpoint="tiny-base", width=24, height=40, **GUIDED),
    "base_img2img_mean": dict(checkpoint="tiny-base", width=40, height=24, posterior="mean", guidance=2.0, **IMAGE),
}


def export(out) -> None:
    for index, (name, changes) in enumerate(CASES.items()):
        request = {**DEFAULTS, **changes}
        case(out, name, request, checkpoints.folder(out, request["checkpoint"]), 5000 + index)


def case(out, name, request, folder, seed) -> None:
    picture = input_picture(request, seed)
    pipe = load_pipeline(folder)
    seen = {}
    embeds, negative = encode(pipe, request)
    steps, images = run(pipe, request, picture, seen, generator=torch.Generator("cpu").manual_seed(request["seed"]),
                        prompt=list(request["prompts"]), negative_prompt=negatives(request))
    tensors = {"ref.latents": steps[-1], "ref.image": torch.from_numpy(images), "input.noise": seen["noise"]}
    tensors.update({f"ref.step.{index}": step for index, step in enumerate(steps)})
    tensors.update({f"ref.prompt_embeds.{index}": embed for index, embed in enumerate(embeds)})
    tensors.update({f"ref.negative_prompt_embeds.{index}": embed for index, embed in enumerate(negative)})
    if picture is not None:
        tensors.update({"input.image": torch.from_numpy(picture), "ref.image_latents": seen["image_latents"], "ref.start": seen["start"]})

    narrow_pipe = load_pipeline(folder, True)
    narrow_steps, narrow_images = run(
        narrow_pipe, request, picture, {}, prompt_embeds=on_device(embeds), negative_prompt_embeds=on_device(negative) or None,
        latents=seen["start"].to(common.DEVICE))
    tensors["torch_bf16.latents"] = narrow_steps[-1].bfloat16()
    tensors["torch_bf16.image"] = torch.from_numpy(narrow_images)
    save(out / "pipeline" / f"{name}.safetensors", tensors, seed, case=name, request=request)


def input_picture(request, seed):
    """A smooth picture with some noise, of the request's size, so that nothing is resized."""
    if request["image"] is None:
        return None
    rows = torch.linspace(0, 6, request["height"])[:, None, None]
    columns = torch.linspace(0, 4, request["width"])[None, :, None]
    channels = torch.arange(3.0)[None, None]
    smooth = 127 + 90 * torch.sin(rows + channels) * torch.cos(columns - channels)
    noise = Numbers(seed).normal(request["height"], request["width"], 3, scale=12.0)
    return (smooth + noise).round().clamp(0, 255).to(torch.uint8).numpy()


def negatives(request):
    if request["guidance"] <= 0 or request["negative_prompt"] is None:
        return None
    return [request["negative_prompt"]] * len(request["prompts"])


def encode(pipe, request):
    return pipe.encode_prompt(
        list(request["prompts"]), do_classifier_free_guidance=request["guidance"] > 0, negative_prompt=negatives(request))


def on_device(embeds):
    return [embed.to(common.DEVICE, torch.bfloat16) for embed in embeds]


def run(pipe, request, picture, seen, **arguments):
    """Runs the request; returns the latents after each step and the pictures [n, h, w, 3]. What is drawn is put into seen."""
    steps = []

    def step_ended(_, index, time, tensors):
        steps.append(tensors["latents"].detach().float().cpu().clone())
        return {}

    if picture is not None:
        pipe = ZImageImg2ImgPipeline(**pipe.components)
        pipe.set_progress_bar_config(disable=True)
        arguments.update(image=Image.fromarray(picture), strength=request["strength"])
    prepare, scale_noise, retrieve = pipe.prepare_latents, pipe.scheduler.scale_noise, pipeline_z_image_img2img.retrieve_latents

    def prepared(*positional, **named):
        seen["start"] = prepare(*positional, **named)
        seen.setdefault("noise", seen["start"])
        return seen["start"]

    def noised(sample, timestep, noise):
        seen.update(image_latents=sample, noise=noise)
        return scale_noise(sample, timestep, noise)

    pipe.prepare_latents, pipe.scheduler.scale_noise = prepared, noised
    if request["posterior"] == "mean":
        pipeline_z_image_img2img.retrieve_latents = functools.partial(retrieve, sample_mode="argmax")
    try:
        images = pipe(
            height=request["height"], width=request["width"], num_inference_steps=request["steps"], sigmas=request["sigmas"],
            guidance_scale=request["guidance"], cfg_normalization=request["cfg_normalization"],
            cfg_truncation=request["cfg_truncation"], num_images_per_prompt=request["images_per_prompt"],
            callback_on_step_end=step_ended, output_type="pil", **arguments).images
    finally:
        del pipe.prepare_latents, pipe.scheduler.scale_noise
        pipeline_z_image_img2img.retrieve_latents = retrieve
    return steps, np.stack([np.array(image) for image in images])
