"""scheduler/tables.json: noise levels and timesteps as the pipelines ask for them. Python writes floats so that they read back exactly."""

import types

from diffusers import FlowMatchEulerDiscreteScheduler, ZImageImg2ImgPipeline
from diffusers.pipelines.z_image.pipeline_z_image import calculate_shift, get_default_z_image_sigmas, retrieve_timesteps

from .common import save_json

STEPS = (1, 2, 4, 8, 9, 20, 28, 50)
DYNAMIC = {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}
CONFIGS = [
    ({"shift": 3.0}, STEPS, (256,)),
    ({"shift": 6.0}, STEPS, (256,)),
    ({"shift": 1.0}, STEPS, (256,)),
    ({**DYNAMIC, "shift": 6.0}, STEPS, (15, 256, 1024, 4096, 9216)),
    ({**DYNAMIC, "time_shift_type": "linear"}, (1, 4, 9, 28), (15, 1024, 4096)),
    ({**DYNAMIC, "base_shift": 0.3, "max_shift": 2.0, "base_image_seq_len": 100, "max_image_seq_len": 2000}, (4, 20), (64, 1000)),
    ({"shift": 3.0, "shift_terminal": 0.1}, (2, 4, 9, 28), (256,)),
    ({**DYNAMIC, "shift_terminal": 0.02}, (2, 8, 20), (1024,)),
    ({"shift": 3.0, "use_karras_sigmas": True}, (1, 2, 8, 20), (256,)),
    ({"shift": 3.0, "use_exponential_sigmas": True}, (1, 2, 8, 20), (256,)),
    ({**DYNAMIC, "use_karras_sigmas": True, "shift_terminal": 0.05}, (8,), (1024,)),
    ({"shift": 3.0, "invert_sigmas": True}, (4, 9), (256,)),
    ({"shift": 3.0, "num_train_timesteps": 500}, (4, 9), (256,)),
]
CUSTOM = [
    ({"shift": 3.0}, [1.0, 0.8, 0.45, 0.2], 256),
    ({"shift": 1.0}, [0.7, 0.3], 256),
    ({**DYNAMIC, "shift": 3.0}, [1.0, 0.9, 0.5, 0.25, 0.1], 1024),
]
STRENGTHS = (0.0, 0.1, 0.3, 0.5, 0.6, 0.75, 0.9, 1.0)


def export(out) -> None:
    cases = [case(config, steps, tokens) for config, all_steps, all_tokens in CONFIGS for tokens in all_tokens for steps in all_steps]
    cases += [case(config, len(sigmas), tokens, sigmas) for config, sigmas, tokens in CUSTOM]
    starts = [start(steps, strength) for steps in (1, 4, 8, 9, 28, 50) for strength in STRENGTHS]
    save_json(out / "scheduler" / "tables.json", 0, cases=cases, image_to_image=starts)


def case(config, steps, tokens, sigmas=None) -> dict:
    scheduler = FlowMatchEulerDiscreteScheduler(**config)
    known = scheduler.config
    mu = calculate_shift(tokens, known.base_image_seq_len, known.max_image_seq_len, known.base_shift, known.max_shift)
    asked = get_default_z_image_sigmas(steps) if sigmas is None else list(sigmas)
    retrieve_timesteps(scheduler, steps, "cpu", sigmas=asked, mu=mu)
    return {
        "config": {key: value for key, value in known.items() if not key.startswith("_")},
        "steps": steps,
        "image_tokens": tokens,
        "custom_sigmas": sigmas,
        "mu": mu,
        "sigmas": scheduler.sigmas.tolist(),
        "timesteps": scheduler.timesteps.tolist(),
    }


def start(steps, strength) -> dict:
    """How many of the first steps image-to-image leaves out."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    retrieve_timesteps(scheduler, steps, "cpu", sigmas=get_default_z_image_sigmas(steps), mu=0.5)
    _, left = ZImageImg2ImgPipeline.get_timesteps(types.SimpleNamespace(scheduler=scheduler), steps, strength, "cpu")
    return {"steps": steps, "strength": strength, "skipped": steps - left}
