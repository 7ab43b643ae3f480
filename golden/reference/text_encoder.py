"""text_encoder/<checkpoint>.safetensors: one prompt through the pipeline's own encode_prompt."""

import re

import torch

from . import checkpoints, common
from .common import Recorder, load_pipeline, save

PROMPT = "A red fox sitting in the snow, 一只狐狸, golden light"


def export(out) -> None:
    for name in checkpoints.NAMES:
        encoder(out, name, checkpoints.folder(out, name))


def keep(path: str) -> bool:
    """All of layer 0, the outputs of the others, the token embedding."""
    return path == "embed_tokens" or path.startswith("layers.0.") or re.fullmatch(r"layers\.\d+", path) is not None


def encoder(out, name, folder) -> None:
    pipe = load_pipeline(folder)
    ids = token_ids(pipe.tokenizer, PROMPT)
    with Recorder(pipe.text_encoder, keep) as recorder:
        (embeds,), _ = pipe.encode_prompt([PROMPT], do_classifier_free_guidance=False)
    narrow_pipe = load_pipeline(folder, True)
    (narrow,), _ = narrow_pipe.encode_prompt([PROMPT], device=common.DEVICE, do_classifier_free_guidance=False)

    tensors = {"input.ids": torch.tensor(ids, dtype=torch.int32), "ref.prompt_embeds": embeds, "torch_bf16.prompt_embeds": narrow}
    # The pipeline pads to 512 tokens on the right; the encoder is causal, so the first rows are those of the prompt.
    tensors.update({f"ref.{path}": value[:len(ids)] for path, value in recorder.tensors.items()})
    last = pipe.text_encoder.config.num_hidden_layers - 2
    if embeds.shape[0] != len(ids) or not torch.equal(embeds, tensors[f"ref.layers.{last}"]):
        raise ValueError(f"{name}: the prompt embeddings are not what layer {last} gave for {len(ids)} tokens")
    save(out / "text_encoder" / f"{name}.safetensors", tensors, checkpoints.SEED, checkpoint=name, prompt=PROMPT)


def templated(tokenizer, text: str) -> str:
    return tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True, enable_thinking=True)


def token_ids(tokenizer, text: str) -> list:
    """The ids as the pipeline makes them, without the padding."""
    made = tokenizer([templated(tokenizer, text)], padding="max_length", max_length=512, truncation=True, return_tensors="pt")
    return made.input_ids[0][made.attention_mask[0].bool()].tolist()
