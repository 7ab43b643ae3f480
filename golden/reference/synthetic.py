"""The full-size synthetic checkpoint: every weight follows from its name and a number K, so that the engine makes the same one."""

import math
import time
import zlib

import numpy as np
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImageTransformer2DModel
from transformers import Qwen3Config, Qwen3Model

DEVICE = "cuda"
MULTIPROCESSORS = 132
TEXT_ENCODER = dict(
    vocab_size=151936, hidden_size=2560, num_hidden_layers=36, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
    intermediate_size=9728, hidden_act="silu", rms_norm_eps=1e-6, attention_bias=False, max_position_embeddings=40960)
TRANSFORMER = dict(
    all_patch_size=(2,), all_f_patch_size=(1,), in_channels=16, dim=3840, n_layers=30, n_refiner_layers=2, n_heads=30, n_kv_heads=30,
    norm_eps=1e-5, qk_norm=True, cap_feat_dim=2560, rope_theta=256.0, t_scale=1000.0, axes_dims=[32, 48, 48], axes_lens=[1536, 512, 512])
VAE = dict(
    in_channels=3, out_channels=3, latent_channels=16, block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2, norm_num_groups=32, act_fn="silu", sample_size=1024, scaling_factor=0.3611,
    shift_factor=0.1159, mid_block_add_attention=True, use_quant_conv=False, use_post_quant_conv=False)


def text_encoder(k: int) -> Qwen3Model:
    config = Qwen3Config(**TEXT_ENCODER, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})
    return filled("text encoder", lambda: Qwen3Model(config), k)


def transformer(k: int) -> ZImageTransformer2DModel:
    return filled("transformer", lambda: ZImageTransformer2DModel(**TRANSFORMER), k)


def vae(k: int) -> AutoencoderKL:
    return filled("vae", lambda: AutoencoderKL(**VAE), k)


def scheduler() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=3.0, use_dynamic_shifting=False)


def filled(what: str, create, k: int) -> torch.nn.Module:
    """A module in float32 on the device whose parameters hold the bfloat16 values of the checkpoint."""
    if torch.cuda.get_device_properties(0).multi_processor_count != MULTIPROCESSORS:
        raise RuntimeError(f"the checkpoint is defined by the numbers of a GPU with {MULTIPROCESSORS} multiprocessors")
    start = time.monotonic()
    with torch.device(DEVICE):
        module = create()
    for name, parameter in module.named_parameters():
        parameter.data = weight(name, parameter.shape, k).float()
    torch.cuda.synchronize()
    print(f"{what}: {sum(p.numel() for p in module.parameters()) / 1e9:.3f} B parameters, {time.monotonic() - start:.1f} s", flush=True)
    return module.eval().requires_grad_(False)


def weight(name: str, shape, k: int) -> torch.Tensor:
    generator = torch.Generator(DEVICE).manual_seed(zlib.crc32(name.encode()) + k)
    r = torch.randn(shape, generator=generator, device=DEVICE)
    if "embed_tokens" in name:
        values = r * 0.02
    elif len(shape) >= 2 and shape[0] > 1:
        values = r * float(np.float32(1) / np.float32(math.sqrt(math.prod(shape[1:]))))
    elif len(shape) == 1 and name.endswith("weight"):
        values = 1 + 0.1 * r
    else:
        values = 0.02 * r
    return values.bfloat16()


def narrow(module: torch.nn.Module) -> torch.nn.Module:
    """The same weights in bfloat16. Buffers, such as rotary frequencies, stay float32, as from_pretrained leaves them."""
    for parameter in module.parameters():
        parameter.data = parameter.data.bfloat16()
    return module


def normal(seed: int, *shape) -> torch.Tensor:
    """Normal numbers of the CUDA generator."""
    return torch.randn(shape, generator=torch.Generator(DEVICE).manual_seed(seed), device=DEVICE)


def forward(model, latents, t, embeds):
    """One evaluation: latents [n, 16, h, w] float32, t in 0..1, embeds [tokens, width]; the velocity [n, 16, h, w] in the model's type."""
    dtype = next(model.parameters()).dtype
    count = len(latents)
    time_input = t.expand(count) if isinstance(t, torch.Tensor) else torch.full((count,), t, dtype=torch.float32, device=DEVICE)
    velocities = model([x.to(dtype)[:, None] for x in latents], time_input, [embeds.to(dtype)] * count, return_dict=False)[0]
    return torch.stack([velocity[:, 0] for velocity in velocities])


def denoise(model, latents, embeds, steps=8):
    """The pipeline's loop without guidance."""
    plan = scheduler()
    plan.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), device=DEVICE)
    plan.set_begin_index(0)
    for timestep in plan.timesteps:
        velocity = -forward(model, latents, (1000 - timestep.expand(1)) / 1000, embeds).float()
        latents = plan.step(velocity, timestep, latents, return_dict=False)[0]
    return latents


def encode_text(model, ids):
    """hidden_states[-2] [tokens, width] of one prompt."""
    return model(input_ids=ids, output_hidden_states=True, use_cache=False).hidden_states[-2][0]


def decode(model, latents):
    """Latents in the transformer's scale to [1, 3, height, width]."""
    dtype = next(model.parameters()).dtype
    return model.decode(latents.to(dtype) / model.config.scaling_factor + model.config.shift_factor, return_dict=False)[0]


def pixels(height: int, width: int) -> torch.Tensor:
    """A picture by formula, bytes [height, width, 3]: (7 x + 13 y + 29 c + floor(x y / 32)) mod 256."""
    y, x, c = torch.meshgrid(torch.arange(height), torch.arange(width), torch.arange(3), indexing="ij")
    return ((7 * x + 13 * y + 29 * c + x * y // 32) % 256).to(torch.uint8)
