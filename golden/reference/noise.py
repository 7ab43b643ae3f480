"""noise/noise.safetensors: torch.randn for a seed, from the CPU generator and from the CUDA generator."""

import torch

from .common import save

SEEDS = (0, 42, 2**31 + 5, 2**40 + 3)
COUNTS = (1, 5, 15, 16, 17, 100, 4099, 16384)


def export(out) -> None:
    tensors = {}
    for device in ("cpu", "cuda"):
        for seed in SEEDS:
            for count in COUNTS:
                tensors[f"{device}_{seed}_{count}"] = torch.randn(count, generator=generator(device, seed), device=device)
        twice = generator(device, 7)
        torch.randn(1, 16, 8, 8, generator=twice, device=device)
        tensors[f"{device}_7_second"] = torch.randn(1, 16, 8, 8, generator=twice, device=device)
    # Large enough for several rounds of the CUDA kernel's grid.
    large = torch.randn(1, 16, 512, 512, generator=generator("cuda", 7), device="cuda")
    tensors["cuda_7_big_tail"] = large.reshape(-1)[::97]
    properties = torch.cuda.get_device_properties(0)
    save(out / "noise" / "noise.safetensors", tensors, 0,
         multi_processor_count=properties.multi_processor_count,
         max_threads_per_multi_processor=properties.max_threads_per_multi_processor)


def generator(device, seed):
    return torch.Generator(device).manual_seed(seed)
