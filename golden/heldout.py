#!/usr/bin/env python3
"""Makes random small checkpoints that the golden set does not hold, and what the PyTorch pipelines draw with them.

    python golden/heldout.py --out FOLDER [--count 12] [--seed 1]

FOLDER gets checkpoints/<name>/ in the diffusers layout, pipeline/<name>.{text,image}.safetensors in the form of the golden set's, and
heldout.json with every configuration. ZIMAGE_HELDOUT=FOLDER then runs HeldOutCheckpointTests on it. Another seed gives other checkpoints.
Needs what export.py needs. See golden/README.md.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import sys
import time
import traceback

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import heldout_configs  # noqa: E402

if "--list" not in sys.argv:
    import torch
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
    from diffusers.models.autoencoders import vae as autoencoders
    from diffusers.pipelines.z_image import pipeline_z_image, pipeline_z_image_img2img
    from diffusers.utils.torch_utils import randn_tensor
    from transformers import Qwen2Tokenizer, Qwen3ForCausalLM, Qwen3Model

    from reference import checkpoints, common, pipeline


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, help="folder to write to; its checkpoints/ and pipeline/ are emptied first")
    parser.add_argument("--count", type=int, default=12, help="checkpoints")
    parser.add_argument("--seed", type=int, default=1, help="from which configurations and weights follow")
    parser.add_argument("--device", default="cuda", help="where the bfloat16 runs happen")
    parser.add_argument("--list", action="store_true", help="print the configurations and stop; needs no PyTorch")
    arguments = parser.parse_args()
    plans = heldout_configs.make(arguments.seed, arguments.count)
    if arguments.list:
        print(json.dumps(plans, ensure_ascii=False, indent=1))
        return 0
    if arguments.out is None:
        parser.error("--out names the folder to write to")

    common.DEVICE = arguments.device
    torch.set_grad_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_num_threads(1)  # The order of sums follows the number of threads; so the numbers do not depend on the machine's.
    out = arguments.out
    for name in ("checkpoints", "pipeline"):
        shutil.rmtree(out / name, ignore_errors=True)

    failures = {}
    for plan in plans:
        start = time.monotonic()
        failures.update(run(out, plan))
        print(f"{plan['name']}: {size(out / 'checkpoints' / plan['name']) / 1e6:.2f} MB, {time.monotonic() - start:.1f} s", flush=True)
    common.save_json(out / "heldout.json", arguments.seed, checkpoints=plans, failed=sorted(failures))
    for name, text in failures.items():
        print(f"\n---- {name}\n{text}", file=sys.stderr)
    print(f"{size(out) / 1e6:.1f} MB in all, {len(failures)} failed")
    return 1 if failures else 0


def run(out: pathlib.Path, plan: dict) -> dict:
    """Writes a checkpoint and its cases; returns what the reference refused, by name. One fault must not hide the others."""
    folder = out / "checkpoints" / plan["name"]
    failures = {}
    try:
        write_checkpoint(folder, plan)
    except Exception:
        return {plan["name"]: traceback.format_exc()}
    for index, (kind, changes) in enumerate(plan["requests"].items()):
        name = f"{plan['name']}.{kind}"
        try:
            request = {**pipeline.DEFAULTS, **changes, "checkpoint": plan["name"]}
            case(out, name, request, folder, plan["weights_seed"] + 100 * (index + 1))
        except Exception:
            failures[name] = traceback.format_exc()
    return failures


def write_checkpoint(path: pathlib.Path, plan: dict) -> None:
    """The parts as their own classes save them, in the stored type, in one file or in shards."""
    seed = plan["weights_seed"]
    mixed = plan["float32_vectors"]
    part = plan["text_encoder"]
    transformer = ready(ZImageTransformer2DModel(**plan["transformer"]["config"]), plan["transformer"], mixed, seed)
    vae = ready(AutoencoderKL(in_channels=3, out_channels=3, sample_size=1024, **plan["vae"]["config"]), plan["vae"], mixed, seed)
    rope = {"rope_type": "default", "rope_theta": part["rope_theta"]}
    encoder_class = Qwen3Model if part["export"] == "bare" else Qwen3ForCausalLM
    encoder = ready(encoder_class(encoder_config(rope_parameters=rope, **part["config"])), part, mixed, seed)
    pipe = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**plan["scheduler"]), vae=vae, tokenizer=Qwen2Tokenizer.from_pretrained(str(common.TOKENIZER)),
        text_encoder=encoder if part["export"] == "bare" else encoder.model, transformer=transformer)
    checkpoints.fresh(path)
    pipe.save_pretrained(str(path))
    for name, model in (("transformer", transformer), ("text_encoder", encoder), ("vae", vae)):
        checkpoints.fresh(path / name)
        shards = plan[name]["shards"]
        total = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
        model.save_pretrained(str(path / name), **({"max_shard_size": total // shards} if shards > 1 else {}))
    if part["rope_at"] == "top level":
        checkpoints.transformers_4_config(path / "text_encoder" / "config.json", part["rope_theta"])
    checkpoints.fresh(path / "tokenizer")
    (checkpoints.copy_tokenizer if plan["tokenizer"] == "tokenizer.json" else checkpoints.old_tokenizer)(path / "tokenizer")


def encoder_config(attention_bias: bool, **changes):
    config = checkpoints.encoder_config(**changes)
    config.attention_bias = attention_bias
    return config


def ready(model, part: dict, mixed: bool, seed: int):
    """Random weights in the type they are stored in; where types are mixed, norms and biases are float32."""
    model = common.randomize(model, seed).to(getattr(torch, part["dtype"]))
    for _, parameter in model.named_parameters():
        if mixed and parameter.ndim == 1:
            parameter.data = parameter.data.float()
    return model


@contextlib.contextmanager
def drawing(draw):
    """Lets the pipelines and the autoencoder draw their normal numbers from a function in randn_tensor's place."""
    modules = (pipeline_z_image, pipeline_z_image_img2img, autoencoders)
    for module in modules:
        module.randn_tensor = draw
    try:
        yield
    finally:
        for module in modules:
            module.randn_tensor = randn_tensor


def case(out: pathlib.Path, name: str, request: dict, folder: pathlib.Path, seed: int) -> None:
    """A request in float32 on the CPU, and with the same random numbers in bfloat16 on the device, from the prompt and the picture on."""
    picture = pipeline.input_picture(request, seed)
    pipe = common.load_pipeline(folder)
    seen, drawn = {}, []
    prompts = dict(prompt=list(request["prompts"]), negative_prompt=pipeline.negatives(request))

    def keep(*positional, **named):
        drawn.append(randn_tensor(*positional, **named))
        return drawn[-1]

    def again(*_, device=None, dtype=None, **__):
        return numbers.pop(0).to(device, dtype)

    embeds, negative = pipeline.encode(pipe, request)
    with drawing(keep):
        generator = torch.Generator("cpu").manual_seed(request["seed"])
        steps, images = pipeline.run(pipe, request, picture, seen, generator=generator, **copied(prompts))
    numbers = list(drawn)
    with drawing(again):
        narrow_steps, narrow_images = pipeline.run(common.load_pipeline(folder, True), request, picture, {}, **copied(prompts))
    if not drawn or numbers:
        raise ValueError(f"{name}: {len(drawn)} draws in float32, {len(numbers)} of them left over in bfloat16")

    tensors = {"ref.latents": steps[-1], "ref.image": torch.from_numpy(images), "input.noise": seen["noise"]}
    tensors.update({f"ref.step.{index}": step for index, step in enumerate(steps)})
    tensors.update({f"ref.prompt_embeds.{index}": embed for index, embed in enumerate(embeds)})
    tensors.update({f"ref.negative_prompt_embeds.{index}": embed for index, embed in enumerate(negative)})
    if picture is not None:
        tensors["input.image"] = torch.from_numpy(picture)
    tensors["torch_bf16.latents"] = narrow_steps[-1].bfloat16()
    tensors["torch_bf16.image"] = torch.from_numpy(narrow_images)
    common.save(out / "pipeline" / f"{name}.safetensors", tensors, seed, case=name, request=request)


def copied(prompts: dict) -> dict:
    """The pipeline writes the chat template into the list it is given."""
    return {name: None if texts is None else list(texts) for name, texts in prompts.items()}


def size(folder: pathlib.Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    sys.exit(main())
