#!/usr/bin/env python3
"""Times the PyTorch reference at full size with random weights, eager and compiled, in the schema of `zimage bench --json`.

    python golden/time_reference.py --out eager.json
    python golden/time_reference.py --compile --out compiled.json          # compiling takes more than a minute

Needs a GPU with 132 multiprocessors (H100, H200), torch, diffusers, transformers. Run it on the machine, and right beside the run, of `zimage bench`;
`zimage bench --report ours.json eager.json compiled.json` then prints one table.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
START = time.perf_counter()

import torch  # noqa: E402

from reference import synthetic  # noqa: E402

K = 0
TOKENS = 64


class Bench:
    def __init__(self, repeats: int):
        self.repeats = repeats
        self.results = []

    def add(self, name, case, unit, values) -> None:
        values = list(values)
        self.results.append(dict(
            name=name, case=case, unit=unit, median=round(statistics.median(values), 4), low=round(min(values), 4), high=round(max(values), 4), repeats=len(values)))
        print(f"{name:18} {case:12} {self.results[-1]['median']:10.3f} {unit}", file=sys.stderr, flush=True)

    def wall(self, name, case, work, warm=2) -> None:
        """Wall-clock milliseconds of work that is done when the device is idle."""
        values = []
        for i in range(warm + self.repeats):
            torch.cuda.synchronize()
            start = time.perf_counter()
            work()
            torch.cuda.synchronize()
            if i >= warm:
                values.append((time.perf_counter() - start) * 1e3)
        self.add(name, case, "ms", values)


def events(work, repeats, inner):
    """Seconds of one run, by device events around `inner` runs."""
    for _ in range(3):
        work()
    for _ in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(inner):
            work()
        end.record()
        end.synchronize()
        yield begin.elapsed_time(end) / 1e3 / inner


def ceilings(bench: Bench) -> None:
    source = torch.randn(1 << 28, device="cuda")
    target = torch.empty_like(source)
    bench.add("device_copy", "1 GiB", "GB/s", [2 * source.nbytes / s / 1e9 for s in events(lambda: target.copy_(source), bench.repeats, 4)])
    del source, target
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    c = torch.empty_like(a)
    bench.add("matmul", "8192^3", "TFLOP/s", [2 * 8192**3 / s / 1e12 for s in events(lambda: torch.matmul(a, b.T, out=c), bench.repeats, 4)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--compile", action="store_true", help="torch.compile of the transformer and of the VAE's decoder")
    parser.add_argument("--size", nargs="*", default=["1024x1024"])
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    bench = Bench(arguments.repeats)
    ceilings(bench)
    text, dit, vae = (synthetic.narrow(make(K)) for make in (synthetic.text_encoder, synthetic.transformer, synthetic.vae))
    torch.cuda.empty_cache()
    if arguments.compile:
        dit = torch.compile(dit)
        vae.decoder = torch.compile(vae.decoder)
    ids = {n: torch.tensor([[(i * 7919 + 13) % 151936 for i in range(n)]], device="cuda") for n in (TOKENS, 512)}
    for n, tokens in ids.items():
        bench.wall("text_encoder", f"{n} tokens", lambda tokens=tokens: synthetic.encode_text(text, tokens))
    embeds = synthetic.encode_text(text, ids[TOKENS])
    for size in arguments.size:
        width, height, *rest = (int(part) for part in size.split("x"))
        images = rest[0] if rest else 1
        noise = synthetic.normal(42, images, 16, height // 8, width // 8)
        torch.cuda.synchronize()
        start = time.perf_counter()
        synthetic.forward(dit, noise, 0.25, embeds)
        synthetic.decode(vae, noise)
        torch.cuda.synchronize()
        bench.add("first_run", size, "ms", [(time.perf_counter() - start) * 1e3])
        torch.cuda.reset_peak_memory_stats()
        bench.wall("forward", size, lambda: synthetic.forward(dit, noise, 0.25, embeds))
        bench.wall("evaluations_8", size, lambda: synthetic.denoise(dit, noise, embeds), warm=1)
        bench.wall("vae_decode", size, lambda: synthetic.decode(vae, noise))

        def whole():
            rows = synthetic.encode_text(text, ids[TOKENS])
            image = synthetic.decode(vae, synthetic.denoise(dit, synthetic.normal(42, images, 16, height // 8, width // 8), rows))
            return (image.permute(0, 2, 3, 1).float() / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8).cpu()

        bench.wall("prompt_to_pixels", size, whole, warm=1)
        bench.add("peak_memory", size, "GB", [torch.cuda.max_memory_allocated() / 1e9])
    bench.add("process", "start to end", "s", [time.perf_counter() - START])
    report = dict(
        schema_version=1, engine=f"PyTorch {torch.__version__} {'compiled' if arguments.compile else 'eager'}", device=torch.cuda.get_device_name(),
        model=f"synthetic:turbo:{K}", date=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), results=bench.results)
    arguments.out.write_text(json.dumps(report) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
