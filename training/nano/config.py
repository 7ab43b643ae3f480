"""Every number of the run. `full` is the published checkpoint; `smoke` runs each stage for seconds; `tiny` is for a processor."""

import copy

TRANSFORMER = {
    "_class_name": "ZImageTransformer2DModel", "_diffusers_version": "0.36.0", "all_f_patch_size": [1], "all_patch_size": [2],
    "axes_dims": [32, 48, 48], "axes_lens": [1024, 256, 256], "cap_feat_dim": 256, "dim": 256, "in_channels": 16, "n_heads": 2,
    "n_kv_heads": 2, "n_layers": 8, "n_refiner_layers": 1, "norm_eps": 1e-05, "qk_norm": True, "rope_theta": 256.0,
    "siglip_feat_dim": None, "t_scale": 1000.0,
}
TEXT_ENCODER = {
    "architectures": ["Qwen3Model"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": None, "dtype": "bfloat16",
    "eos_token_id": None, "head_dim": 64, "hidden_act": "silu", "hidden_size": 256, "initializer_range": 0.02,
    "intermediate_size": 448, "layer_types": ["full_attention"] * 4, "max_position_embeddings": 1024, "max_window_layers": 4,
    "model_type": "qwen3", "num_attention_heads": 4, "num_hidden_layers": 4, "num_key_value_heads": 2, "pad_token_id": None,
    "rms_norm_eps": 1e-06, "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"}, "sliding_window": None,
    "tie_word_embeddings": True, "use_cache": True, "use_sliding_window": False, "vocab_size": 1280,
}
VAE = {
    "_class_name": "AutoencoderKL", "_diffusers_version": "0.36.0", "act_fn": "silu", "block_out_channels": [32, 64, 96, 96],
    "down_block_types": ["DownEncoderBlock2D"] * 4, "force_upcast": True, "in_channels": 3, "latent_channels": 16,
    "latents_mean": None, "latents_std": None, "layers_per_block": 1, "mid_block_add_attention": True, "norm_num_groups": 16,
    "out_channels": 3, "sample_size": 256, "scaling_factor": 1.0, "shift_factor": 0.0,
    "up_block_types": ["UpDecoderBlock2D"] * 4, "use_post_quant_conv": False, "use_quant_conv": False,
}
SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler", "_diffusers_version": "0.36.0", "base_image_seq_len": 256, "base_shift": 0.5,
    "invert_sigmas": False, "max_image_seq_len": 4096, "max_shift": 1.15, "num_train_timesteps": 1000, "shift": 3.0,
    "shift_terminal": None, "stochastic_sampling": False, "time_shift_type": "exponential", "use_beta_sigmas": False,
    "use_dynamic_shifting": False, "use_exponential_sigmas": False, "use_karras_sigmas": False,
}
MODEL_INDEX = {
    "_class_name": "ZImagePipeline", "_diffusers_version": "0.36.0", "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "Qwen3Model"], "tokenizer": ["transformers", "Qwen2Tokenizer"],
    "transformer": ["diffusers", "ZImageTransformer2DModel"], "vae": ["diffusers", "AutoencoderKL"],
}

# Steps and seconds: a training stage ends at whichever comes first, and its learning rate has come down by then. The steps are those of the
# published run; the seconds are a sixth to a fifth more than it took.
FULL = {
    "transformer": TRANSFORMER, "text_encoder": TEXT_ENCODER, "vae_model": VAE,
    "data": {"scenes": 250_000, "processes": 0, "canvases": 41},
    "vae": {
        # `until` is a share of the stage. The sizes of the batches are none of the pictures' own numbers of pixels at any level: the
        # compiler takes equal numbers for the same thing.
        "phases": [{"crop": 64, "batch": 72, "small_batch": 20, "until": 0.65}, {"crop": 128, "batch": 20, "small_batch": 20, "until": 0.85},
                   {"crop": 0, "batch": 10, "small_batch": 20, "until": 1.0}],
        "steps": 11_260, "seconds": 195, "pictures": 24_000, "muon_lr": 0.012, "lr": 1.5e-3, "warmup": 50, "decay_from": 0.45, "kl": 3e-4,
        "noise": 0.05, "gradient": 0.5, "square": 1.0, "ema": 0.998, "text_crops": 0.8, "measured": 500, "graphs": True,
    },
    "latents": {"batch": 448, "seconds": 66},
    "flow": {
        "muon_lr": 0.02, "adam_lr": 2e-3, "embed_lr": 6e-3, "momentum": 0.95, "shift": 3.0, "uniform": 0.1, "drop": 0.1, "ema": 0.999,
        "text_weight": 2.5, "shape_weight": 1.0, "aux": 0.1, "aux_layer": 4, "graphs": True,
        "low": {"batch": 480, "steps": 3450, "seconds": 104, "warmup": 100, "decay_from": 1.0, "stretch": 2.0},
        "native": {"batch": 240, "steps": 16_250, "seconds": 650, "warmup": 20, "decay_from": 0.4, "stretch": 1.0, "probes": [0.5]},
    },
    "distill": {
        "batch": 208, "steps": 3180, "seconds": 273, "evaluations": 8, "graphs": True, "lr": 4e-4, "muon_lr": 4e-3, "warmup": 30, "ema": 0.99,
        # The guided phase.
        "guided_share": 0.6, "substeps": 3, "guidance": 2.0, "text_weight": 2.5, "shape_weight": 1.0,
        # DMD; dmd_rate multiplies the learning rates, and is where those of the guided phase end.
        "dmd_rate": 0.2, "guided_every": 3, "alpha": 3.0, "fake_lr": 1e-4, "fake_muon_lr": 1e-3, "ca": True, "dm": True, "floor": 0.05,
        "fake_warmup": 60, "guard": True,
        # The canvases of the guided phase and of DMD; "last" becomes nano unless it scores lower than "guided" by more than `tolerance`.
        "canvases": 20, "dmd_canvases": 10, "tolerance": 0.008, "ablation_steps": 200, "ablation_seconds": 24, "ablation_rate": 0.25,
    },
    "evaluate": {"count": 500, "validation": 200, "guidance": 2.0, "guidances": [1.5, 2.0, 3.0], "batch": 250, "base_steps": 28, "steps": 8,
                 "probe": 64, "sized": 40},
    "shift": 3.0,
}


def _shrink(config: dict, scenes: int, batch: float, steps: dict) -> dict:
    c = copy.deepcopy(config)
    c["data"].update(scenes=scenes, canvases=4)
    for phase in c["vae"]["phases"]:
        phase.update(batch=max(2, int(phase["batch"] * batch)), small_batch=max(2, int(phase["small_batch"] * batch)))
    for name in ("low", "native"):
        c["flow"][name].update(steps=steps[name], batch=max(4, int(c["flow"][name]["batch"] * batch)), warmup=5)
    c["vae"].update(steps=steps["vae"], pictures=min(c["vae"]["pictures"], scenes // 2), warmup=5)
    c["distill"].update(steps=steps["distill"], ablation_steps=max(2, steps["distill"] // 2), warmup=2, fake_warmup=1,
                        batch=max(4, int(c["distill"]["batch"] * batch)))
    return c


def load(name: str, scale: float = 1.0) -> dict:
    """The settings `full`, `smoke` or `tiny`; `scale` multiplies the steps and seconds of every training stage."""
    if name == "smoke":
        c = _shrink(FULL, 12_000, 1.0, {"vae": 300, "low": 100, "native": 100, "distill": 100})
        c["evaluate"].update(count=64, validation=64, guidances=[2.0])
        return c
    if name == "tiny":
        c = _shrink(FULL, 96, 0.02, {"vae": 6, "low": 3, "native": 3, "distill": 8})
        c["vae"]["measured"] = 4
        c["vae_model"].update(block_out_channels=[16, 16, 16, 32])
        c["transformer"].update(n_layers=2)
        c["flow"]["aux_layer"] = 1
        c["text_encoder"].update(num_hidden_layers=2, layer_types=["full_attention"] * 2)
        c["latents"]["batch"] = 16
        c["evaluate"].update(count=6, validation=6, guidances=[1.0, 2.0], batch=6, base_steps=2, steps=2, probe=4, sized=2)
        return c
    c = copy.deepcopy(FULL)
    if scale != 1.0:
        for part in training_parts(c).values():
            part["steps"] = max(1, round(part["steps"] * scale))
            part["seconds"] = part["seconds"] * scale
    return c


def training_parts(c: dict) -> dict[str, dict]:
    """The settings of each training stage, by its name."""
    return {"vae": c["vae"], "flow_low": c["flow"]["low"], "flow_native": c["flow"]["native"], "distill": c["distill"]}


def lift_steps(c: dict) -> None:
    """Leaves the end of every training stage to its seconds."""
    for part in training_parts(c).values():
        part["steps"] *= 1000


def override(config: dict, change: str) -> None:
    """Sets one value: "flow.native.steps=100"; lists are indexed by number."""
    path, text = change.split("=", 1)
    *parents, last = path.split(".")
    at = config
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at[part]
    old = at[int(last)] if isinstance(at, list) else at[last]
    value = text == "True" if isinstance(old, bool) else type(old)(float(text)) if isinstance(old, (int, float)) else text
    if isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
