"""Where the time of a training step goes: run.py --profile vae|flow|distill. Each size of batch is timed as it is and as a graph, and the
kernels that take longest are listed. Compiled kernels stay in the cache for the run that follows."""

import time

import torch

from . import distill, flow, train_vae
from .ops import generator


def timed(step, count: int) -> float:
    """Milliseconds a call."""
    torch.cuda.synchronize()
    start = time.monotonic()
    for _ in range(count):
        step()
    torch.cuda.synchronize()
    return (time.monotonic() - start) / count * 1e3


def compare(name: str, graphs, step, images: int, count: int = 20) -> None:
    """Times the step without graphs and with them; the first calls compile."""
    start = time.monotonic()
    for _ in range(graphs.warmup + 2):
        step()
    torch.cuda.synchronize()
    first = time.monotonic() - start
    captured = graphs.on
    graphed = timed(step, count)
    graphs.on = False
    launched = timed(step, count)
    graphs.on = captured
    print(f"[profile] {name:24} first calls {first:6.1f} s, kernel by kernel {launched:7.2f} ms, "
          f"{'graph' if captured else 'NO GRAPH'} {graphed:7.2f} ms = {images / graphed * 1e3:8.0f} images/s", flush=True)


def kernels(step, graphs, count: int = 10, rows: int = 25) -> None:
    """The kernels of ten steps outside graphs."""
    from torch.profiler import ProfilerActivity, profile

    on, graphs.on = graphs.on, False
    with profile(activities=[ProfilerActivity.CUDA]) as found:
        for _ in range(count):
            step()
        torch.cuda.synchronize()
    graphs.on = on
    total = lambda e: getattr(e, "self_device_time_total", 0)
    events = [e for e in found.key_averages() if total(e) > 0]
    every, launches = sum(map(total, events)), sum(e.count for e in events)
    print(f"[profile] device {every / count / 1e3:.2f} ms and {launches / count:.0f} kernels a step", flush=True)
    for e in sorted(events, key=total, reverse=True)[:rows]:
        print(f"[profile] {total(e) / count / 1e3:8.3f} ms {100 * total(e) / every:5.1f} % {e.count / count:6.1f} x {e.key[:110]}", flush=True)


def vae(run) -> None:
    c = run.config["vae"]
    worker = train_vae.Trainer(run.config, run.pool().device, 1, run.compiled)
    with worker.graphs.stage():
        pictures = train_vae.Pictures(run.pool().buckets[0], 2000, worker.rng)
        for i, phase in enumerate(c["phases"]):
            step = lambda: worker.step(pictures.batch(phase, 1, c["text_crops"]), 0.1)
            compare(f"vae {phase['crop'] or 'whole'} x {phase['batch']}", worker.graphs, step, phase["batch"])
            if i == 0:
                kernels(step, worker.graphs)


def latents(run) -> dict[str, list]:
    """Noise in the place of the latents."""
    make = lambda b, shrink: torch.randn(b.count, 16, b.height // 8 // shrink, b.width // 8 // shrink, device=b.device, dtype=torch.bfloat16)
    return {"native": [make(b, 1) for b in run.pool().buckets], "low": [make(run.pool().buckets[0], 2), None, None]}


def flow_steps(run) -> None:
    pool, worker = run.pool(), flow.Trainer(run.config, run.pool(), 1, run.compiled)
    rng, cache = generator(2, pool.device), latents(run)
    with worker.graphs.stage():
        for stage in ("low", "native"):
            size, where, seen = run.config["flow"][stage]["batch"], {id(b): x for b, x in zip(pool.buckets, cache[stage])}, {}
            source = flow.batches(pool, cache[stage], size, 0.1, generator(1))
            for _ in range(60):
                batch = next(source)
                seen.setdefault((batch[0].width, batch[0].height, batch[1]), batch)
            for key in sorted(seen, reverse=True)[:4]:
                step = lambda: worker.step(stage, where, seen[key], rng, 0.1)
                compare(f"flow {stage} {key[0]}x{key[1]} {key[2]}", worker.graphs, step, size)
            kernels(lambda: worker.step(stage, where, seen[max(seen)], rng, 0.1), worker.graphs)


def distill_steps(run) -> None:
    base = flow.Trainer(run.config, run.pool(), 1, False)
    worker = distill.Distiller(run.config, run.pool(), (base.encoder.requires_grad_(False), base.transformer), 1, run.compiled)
    worker.weights = torch.tensor([1.0] + [0.0] * (len(worker.weights) - 1))
    with worker.graphs.stage():
        for kind in ("guided", "dmd"):
            step = lambda: worker.step(kind, 0.01)
            compare(f"distill {kind}", worker.graphs, step, run.config["distill"]["batch"], 10)
            kernels(step, worker.graphs, 4)


def measure(run, what: list[str]) -> None:
    run.config["data"]["scenes"] = min(run.config["data"]["scenes"], 24_000)
    for stage in ("tokenizer", "data"):
        if not run.finished(stage):
            run.run(stage)
    for name in what:
        {"vae": vae, "flow": flow_steps, "distill": distill_steps}[name](run)
        torch.cuda.empty_cache()
