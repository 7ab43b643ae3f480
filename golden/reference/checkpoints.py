"""Two miniature checkpoints in the diffusers layout, with everything that varies between real ones."""

import json
import pathlib
import shutil
import tempfile

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from tokenizers import Tokenizer
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM, Qwen3Model

from .common import TOKENIZER, randomize

NAMES = ("tiny-turbo", "tiny-base")
SEED = 7


def export(out: pathlib.Path) -> None:
    tiny_turbo(out / "checkpoints" / "tiny-turbo")
    tiny_base(out / "checkpoints" / "tiny-base")


def folder(out: pathlib.Path, name: str) -> pathlib.Path:
    """The checkpoint's folder; made when it is not there, so that each section runs on its own."""
    path = out / "checkpoints" / name
    if not (path / "model_index.json").exists():
        {"tiny-turbo": tiny_turbo, "tiny-base": tiny_base}[name](path)
    return path


def vocabulary() -> int:
    """Rows of the embedding: a few more than there are tokens, as in Qwen3."""
    return Tokenizer.from_file(str(TOKENIZER / "tokenizer.json")).get_vocab_size() + 16


def autoencoder(channels, layers, groups) -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=16, sample_size=1024,
        down_block_types=["DownEncoderBlock2D"] * len(channels), up_block_types=["UpDecoderBlock2D"] * len(channels),
        block_out_channels=channels, layers_per_block=layers, norm_num_groups=groups,
        scaling_factor=0.3611, shift_factor=0.1159, force_upcast=True,
        use_quant_conv=False, use_post_quant_conv=False, mid_block_add_attention=True)


def encoder_config(**changes) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=vocabulary(), max_position_embeddings=4096, attention_bias=False, use_sliding_window=False,
        bos_token_id=None, eos_token_id=None, pad_token_id=None, **changes)


def tiny_turbo(path: pathlib.Path) -> None:
    """The Turbo checkpoint in small: bfloat16, head size 128, static shift 3, no prefix in the text encoder's names."""
    transformer = ZImageTransformer2DModel(
        in_channels=16, dim=256, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, norm_eps=1e-5, qk_norm=True,
        cap_feat_dim=96, rope_theta=256.0, t_scale=1000.0, axes_dims=[32, 48, 48], axes_lens=[1536, 512, 512])
    encoder = Qwen3Model(encoder_config(
        hidden_size=96, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2, head_dim=32,
        intermediate_size=160, rms_norm_eps=1e-6, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}))
    pipe = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=False),
        vae=randomize(autoencoder([32, 32, 64, 64], 1, 16), SEED).to(torch.bfloat16),
        text_encoder=randomize(encoder, SEED).to(torch.bfloat16),
        tokenizer=Qwen2Tokenizer.from_pretrained(str(TOKENIZER)),
        transformer=randomize(transformer, SEED).to(torch.bfloat16))
    fresh(path)
    pipe.save_pretrained(str(path))
    fresh(path / "tokenizer")
    copy_tokenizer(path / "tokenizer")


def tiny_base(path: pathlib.Path) -> None:
    """Everything else: float32 shards, head size 40, another theta and eps, dynamic shift, a causal-LM export in float16
    with a transformers-4 config, a VAE of factor 4 and the old tokenizer files."""
    transformer = ZImageTransformer2DModel(
        in_channels=16, dim=120, n_layers=2, n_refiner_layers=1, n_heads=3, n_kv_heads=3, norm_eps=1e-6, qk_norm=True,
        cap_feat_dim=64, rope_theta=100.0, t_scale=1000.0, axes_dims=[16, 12, 12], axes_lens=[600, 64, 64])
    theta = 500000.0
    language_model = Qwen3ForCausalLM(encoder_config(
        hidden_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4, head_dim=24,
        intermediate_size=112, rms_norm_eps=1e-5, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": theta}))
    language_model = randomize(language_model, SEED + 1).to(torch.float16)
    transformer = randomize(transformer, SEED + 1)
    pipe = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15),
        vae=randomize(autoencoder([16, 32, 32], 2, 8), SEED + 1),
        text_encoder=language_model.model,
        tokenizer=Qwen2Tokenizer.from_pretrained(str(TOKENIZER)),
        transformer=transformer)
    fresh(path)
    pipe.save_pretrained(str(path))
    fresh(path / "transformer")
    transformer.save_pretrained(str(path / "transformer"), max_shard_size="2MB")
    fresh(path / "text_encoder")
    language_model.save_pretrained(str(path / "text_encoder"))
    transformers_4_config(path / "text_encoder" / "config.json", theta)
    fresh(path / "tokenizer")
    old_tokenizer(path / "tokenizer")


def transformers_4_config(file: pathlib.Path, theta: float) -> None:
    config = json.loads(file.read_text(encoding="utf-8"))
    for name in ("rope_parameters", "layer_types", "dtype"):
        config.pop(name, None)
    config.update(rope_theta=theta, rope_scaling=None, torch_dtype="float16", transformers_version="4.51.0")
    file.write_text(json.dumps(dict(sorted(config.items())), indent=2) + "\n", encoding="utf-8", newline="\n")


def copy_tokenizer(path: pathlib.Path) -> None:
    for file in TOKENIZER.iterdir():
        shutil.copyfile(file, path / file.name)


def old_tokenizer(path: pathlib.Path) -> None:
    """vocab.json, merges.txt and tokenizer_config.json, where transformers reads the same tokens from them as from tokenizer.json."""
    model = json.loads((TOKENIZER / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    with tempfile.TemporaryDirectory() as name:
        old = pathlib.Path(name)
        (old / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
        (old / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8", newline="\n")
        shutil.copyfile(TOKENIZER / "tokenizer_config.json", old / "tokenizer_config.json")
        if reads_the_same(old):
            for file in old.iterdir():
                shutil.copyfile(file, path / file.name)
        else:
            print("tiny-base: transformers does not read the old tokenizer files alike; tokenizer.json is used", flush=True)
            copy_tokenizer(path)


def reads_the_same(old: pathlib.Path) -> bool:
    text = "<|im_start|>user\nA red fox, 2 owls  and\n\n一只狐狸 cafe\u0301's<|im_end|>\n<|im_start|>assistant\n"
    try:
        ids = Qwen2Tokenizer.from_pretrained(str(old))(text).input_ids
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"tiny-base: {type(error).__name__}: {error}", flush=True)
        return False
    return ids == Qwen2Tokenizer.from_pretrained(str(TOKENIZER))(text).input_ids


def fresh(path: pathlib.Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
