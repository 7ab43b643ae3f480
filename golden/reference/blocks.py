"""blocks/<checkpoint>.<case>.safetensors: the transformer with its named intermediates."""

import re

import torch
from diffusers.models.transformers import transformer_z_image

from . import checkpoints, common
from .common import Numbers, Recorder, load_pipeline, save

# Width of a caption and the latent's size: 5 x 3 patches, so that 17 of 32 image positions are padding.
WIDTH = {"tiny-turbo": 96, "tiny-base": 64}
HEIGHT_WIDTH = (10, 6)
TOKENS = 9


def export(out) -> None:
    for index, name in enumerate(checkpoints.NAMES):
        folder = checkpoints.folder(out, name)
        intermediates(out, name, folder, 2000 + index)
        whole(out, name, folder, "multiple_of_32", [32], (16, 8), 2010 + index)
        whole(out, name, folder, "ragged_batch", [9, 40, 33], HEIGHT_WIDTH, 2020 + index)


def kept(name: str):
    """All of one block of each kind; of the others what one looks at first. It keeps the set small."""
    full = "layers.0." if name == "tiny-turbo" else ("layers.0.", "noise_refiner.0.", "context_refiner.0.")

    def keep(path: str) -> bool:
        if re.search(r"\.(1|dropout)$", path) and "to_out" in path:
            return False
        if not re.match(r"(layers|noise_refiner|context_refiner)\.\d+\.", path):
            return True
        return path.startswith(full) or re.fullmatch(r"\w+\.\d+\.(attention|feed_forward|adaLN_modulation\.0)", path) is not None

    return keep


def forward(transformer, latents, time, embeds, dtype, device):
    images = [item[:, None].to(device, dtype) for item in latents]
    captions = [embed.to(device, dtype) for embed in embeds]
    times = torch.full((len(images),), time, dtype=torch.float32, device=device)
    return [x[:, 0] for x in transformer(images, times, captions, return_dict=False)[0]]


def intermediates(out, name, folder, seed) -> None:
    numbers = Numbers(seed)
    latents = numbers.normal(1, 16, *HEIGHT_WIDTH)
    embeds = numbers.normal(TOKENS, WIDTH[name])
    time = 0.3125
    reference, ref_rope = traced(load_pipeline(folder).transformer, kept(name), latents, time, embeds, torch.float32, "cpu")
    narrow, _ = traced(load_pipeline(folder, True).transformer, is_block, latents, time, embeds, torch.bfloat16, common.DEVICE)

    tensors = {"input.latents": latents, "input.t": torch.tensor([time]), "input.prompt_embeds": embeds}
    tensors.update({f"ref.{path}": value for path, value in {**reference, **ref_rope}.items()})
    tensors.update({f"torch_bf16.{path}": value for path, value in narrow.items()})
    save(out / "blocks" / f"{name}.plain.safetensors", tensors, seed, checkpoint=name, case="plain")


def is_block(path: str) -> bool:
    return re.fullmatch(r"(layers|noise_refiner|context_refiner)\.\d+|t_embedder|cap_embedder|all_\w+\.2-1", path) is not None


def traced(transformer, keep, latents, time, embeds, dtype, device):
    """The named intermediates of one forward pass, and the rotary table of the joint sequence."""
    rope = []
    dispatch, embedder = transformer_z_image.dispatch_attention_fn, transformer.rope_embedder
    with Recorder(transformer, keep) as recorder:

        def attention(query, key, value, **options):
            result = dispatch(query, key, value, **options)
            # The last module entered is one of the attention's own; its path leads to the attention's.
            owner = recorder.path[:recorder.path.index(".attention") + len(".attention")]
            if keep(owner + ".heads"):
                recorder.record(owner + ".q_rope", query)
                recorder.record(owner + ".k_rope", key)
                recorder.record(owner + ".heads", result)
            return result

        def angles(ids):
            rope.append(embedder(ids))
            return rope[-1]

        transformer_z_image.dispatch_attention_fn, transformer.rope_embedder = attention, angles
        try:
            result = forward(transformer, latents, time, [embeds], dtype, device)
        finally:
            transformer_z_image.dispatch_attention_fn, transformer.rope_embedder = dispatch, embedder
    table = torch.cat(rope, dim=0).cpu()
    return {**recorder.tensors, "out": result[0].cpu()}, {"rope.cos": table.real, "rope.sin": table.imag}


def whole(out, name, folder, case, lengths, size, seed) -> None:
    """Inputs and output only."""
    numbers = Numbers(seed)
    latents = numbers.normal(len(lengths), 16, *size)
    embeds = [numbers.normal(length, WIDTH[name]) for length in lengths]
    time = 0.75
    reference = forward(load_pipeline(folder).transformer, latents, time, embeds, torch.float32, "cpu")
    narrow = forward(load_pipeline(folder, True).transformer, latents, time, embeds, torch.bfloat16, common.DEVICE)
    tensors = {"input.latents": latents, "input.t": torch.tensor([time] * len(lengths))}
    for index, embed in enumerate(embeds):
        tensors[f"input.prompt_embeds.{index}"] = embed
        tensors[f"ref.out.{index}"] = reference[index]
        tensors[f"torch_bf16.out.{index}"] = narrow[index]
    save(out / "blocks" / f"{name}.{case}.safetensors", tensors, seed, checkpoint=name, case=case)
