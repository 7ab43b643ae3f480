"""Data movement, embeddings and the sampler's arithmetic."""

import types

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, ZImageTransformer2DModel
from diffusers.models.transformers.transformer_z_image import TimestepEmbedder
from diffusers.pipelines.z_image.pipeline_z_image import get_default_z_image_sigmas

from .cases import packed, save
from .common import Numbers


def export(out) -> None:
    gather(out)
    timestepembedding(out)
    patchify(out)
    unpatchify(out)
    eulerstep(out)
    guidance(out)
    blend(out)


def gather(out) -> None:
    for seed, (case, rows, width, count, stored) in enumerate(
            [("bf16", 50, 33, 9, torch.bfloat16), ("f16", 20, 16, 20, torch.float16), ("f32", 31, 7, 1, torch.float32)], 1000):
        numbers = Numbers(seed)
        table = torch.randn(rows, width, generator=numbers.generator).to(stored)
        ids = numbers.integers(0, rows, count).int()
        ref = torch.nn.functional.embedding(ids, table.float())
        # On a bfloat16 backend the row is rounded once; the case's kind says that nothing else may happen to it.
        save(out, "gather", case, seed, {"table": table, "ids": ids}, ref, kind="exact")


def timestepembedding(out) -> None:
    cases = [("model", 256, [0.0, 250.0, 999.0, 417.34875]), ("odd_width", 33, [12.5, 700.0]), ("one", 64, [1.0])]
    for seed, (case, width, times) in enumerate(cases, 1010):
        times = torch.tensor(times)
        ref = TimestepEmbedder.timestep_embedding(times, width)
        save(out, "timestepembedding", case, seed, {"times": times}, ref, ref.bfloat16())


def patchify(out) -> None:
    for seed, (case, items, channels, height, width, rows) in enumerate(
            [("padded", 1, 16, 10, 6, 32), ("dense", 1, 4, 2, 8, 4), ("batch", 3, 16, 6, 4, 9)], 1020):
        latents = Numbers(seed).normal(items, channels, height, width)
        ref = torch.zeros(items, rows, channels * 4)
        for item in range(items):
            tokens, _, _ = ZImageTransformer2DModel._patchify_image(None, latents[item][:, None], 2, 1)
            ref[item, :len(tokens)] = tokens
        save(out, "patchify", case, seed, {"latents": latents}, ref.flatten(0, 1), kind="exact", patch=2, rows_per_item=rows)


def unpatchify(out) -> None:
    for seed, (case, channels, height, width, rows) in enumerate([("padded", 16, 10, 6, 32), ("dense", 4, 2, 8, 4)], 1030):
        tokens = Numbers(seed).normal(rows, channels * 4)
        model = types.SimpleNamespace(out_channels=channels)
        ref = ZImageTransformer2DModel.unpatchify(model, [tokens], [(1, height, width)], 2, 1)[0][:, 0]
        save(out, "unpatchify", case, seed, packed({"tokens": tokens}), ref, kind="exact", patch=2)


def schedule() -> FlowMatchEulerDiscreteScheduler:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(sigmas=get_default_z_image_sigmas(8), mu=0.5)
    return scheduler


def eulerstep(out) -> None:
    for seed, (case, step, shape) in enumerate([("first", 0, (1, 16, 6, 10)), ("last", 7, (2, 16, 5, 3))], 1040):
        numbers = Numbers(seed)
        scheduler = schedule()
        scheduler.set_begin_index(step)
        latents = torch.randn(shape, generator=numbers.generator)
        prediction = torch.randn(shape, generator=numbers.generator)
        ref = scheduler.step(-prediction, scheduler.timesteps[step], latents, return_dict=False)[0]
        save(out, "eulerstep", case, seed, {"latents": latents, "prediction": prediction}, ref, kind="float32",
             sigma=scheduler.sigmas[step].item(), sigma_next=scheduler.sigmas[step + 1].item())


def guidance(out) -> None:
    """The formula of the pipeline's loop, which stands inline there; in float64."""
    cases = [("plain", 3.5, 0.0, 1.0), ("clipped", 5.0, 0.8, 1.0), ("within_bound", 0.1, 3.0, 0.05)]
    for seed, (case, scale, bound, distance) in enumerate(cases, 1050):
        numbers = Numbers(seed)
        positive = torch.randn(16, 6, 10, generator=numbers.generator)
        negative = positive + distance * torch.randn(16, 6, 10, generator=numbers.generator)
        wide = positive.double()
        ref = wide + scale * (wide - negative.double())
        if bound > 0 and ref.norm() > bound * wide.norm():
            ref = ref * (bound * wide.norm() / ref.norm())
        save(out, "guidance", case, seed, {"positive": positive, "negative": negative}, ref, kind="float32",
             scale=scale, normalization=bound)


def blend(out) -> None:
    for seed, (case, step, shape) in enumerate([("early", 1, (1, 16, 6, 10)), ("late", 6, (2, 16, 3, 5))], 1060):
        numbers = Numbers(seed)
        scheduler = schedule()
        scheduler.set_begin_index(step)
        sample = torch.randn(shape, generator=numbers.generator)
        noise = torch.randn(shape, generator=numbers.generator)
        ref = scheduler.scale_noise(sample, scheduler.timesteps[step:step + 1], noise)
        sigma = scheduler.sigmas[step]
        save(out, "blend", case, seed, {"x": noise, "y": sample}, ref, kind="float32", a=sigma.item(), b=(1.0 - sigma).item())
