"""Trains exported checkpoints further on a processor: other canvases and new captions for networks that know how to draw.

    PYTHONPATH=training python training/refine.py models OUT

Reads models/nano and models/nano-base, and writes both, refined, to OUT/models. The VAE, the text encoder and the tokenizer stay as they are.
Each stage's result is kept in OUT, and a stopped run continues behind the last one.

data      scenes and captions of all canvases
latents   their posters, encoded by the VAE
flow      flow matching of nano-base's transformer
distill   nano's transformer moves by what nano-base's has moved by; then the guided phase of the distillation with the new nano-base
export    OUT/models

With --anchor MODELS, at the sizes that those checkpoints name as theirs (`only_sizes` in model_index.json) the networks learn to draw as those
do, so that what is good stays; at all others they learn from the posters. --heads FILE adds the auxiliary loss of the flow stages with their heads
(flow_native.safetensors of pack.py --resume), which stay as they are.

Several processes work side by side, one thread each: on a step's gradients each of its own batch, and on the update each of its own share of
the parameters, which they have in common. A process takes 4 GB, and a step's batch grows with their number. It wants a processor with bfloat16
instructions (AVX512_BF16)."""

import argparse
import contextlib
import copy
import ctypes
import os
import pathlib
import random
import sys
import time
from multiprocessing.connection import wait

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import torch  # noqa: E402 (after the number of threads)
from torch import multiprocessing  # noqa: E402

import restore  # noqa: E402
from nano import config as settings  # noqa: E402
from nano import data_build, distill, dit, export, flow, store, train_vae  # noqa: E402
from nano.data import Pool  # noqa: E402
from nano.ops import generator, seed_everything  # noqa: E402
from nano.optim import Average, Optimizer, trapezoid  # noqa: E402
from poster.vocabulary import BUCKETS  # noqa: E402

# muon_lr and lr are where the rates begin; batches are counted in pictures of 256x256, one of them for each process.
SETTINGS = {
    "native": 0.3,  # share of the scenes at 256x256
    "anchored": 2.0,  # weight of errors against the anchor, which have no noise
    "flow": {"batch": 16, "muon_lr": 0.005, "lr": 5e-4, "warmup": 20, "decay_from": 0.2, "ema": 0.99},
    "distill": {"batch": 8, "muon_lr": 1.5e-3, "lr": 1.5e-4, "warmup": 10, "ema": 0.98, "substeps": 2},
}


def keep_memory() -> None:
    """Has glibc keep what was freed: the pages of the activations need not be taken anew in every step."""
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**26)):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
            mallopt(option, value)


def half():
    """bfloat16 where a processor gains by it: the products."""
    return torch.autocast("cpu", torch.bfloat16)


class Shared:
    """A network that several processes train. Made before they are forked; `join` in each of them."""

    def __init__(self, network: torch.nn.Module, count: int, context):
        self.network, self.count = network.share_memory(), count
        self.parameters = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        self.gradients = torch.zeros(count, sum(p.numel() for _, p in self.parameters)).share_memory_()
        self.barrier = context.Barrier(count)

    def join(self, rank: int, muon_lr: float, lr: float, betas: tuple) -> None:
        """Gives this process its share of the parameters: every so-manieth of them by size."""
        self.rank = rank
        ordered = sorted(self.parameters, key=lambda item: -item[1].numel())
        self.mine = {name for name, _ in ordered[rank :: self.count]}
        self.optimizer = Optimizer({"shared": self.network}, muon_lr, lr, betas=betas, only=self.mine)

    def clear(self) -> None:
        for _, parameter in self.parameters:
            parameter.grad = None

    def lr(self, scale: float) -> None:
        self.optimizer.lr(scale)

    @torch.no_grad()
    def step(self) -> None:
        at = 0
        for _, parameter in self.parameters:
            place = self.gradients[self.rank, at : at + parameter.numel()]
            place.zero_() if parameter.grad is None else place.copy_(parameter.grad.flatten())
            at += parameter.numel()
        self.barrier.wait()
        at = 0
        for name, parameter in self.parameters:
            end = at + parameter.numel()
            parameter.grad = self.gradients[:, at:end].mean(0).view_as(parameter) if name in self.mine else None
            at = end
        with half():  # the orthogonalisation's products
            self.optimizer.step()
        self.clear()
        self.barrier.wait()


def means(totals: list[tuple]) -> dict[str, float]:
    """Means of (anchored?, loss, plain, aux) of some batches: those against the posters, and the loss of those against the anchor."""
    free = [t for t in totals if not t[0]]
    held = [t[1] for t in totals if t[0]]
    values = {name: sum(t[i] for t in free) / len(free) for i, name in ((1, "loss"), (2, "plain"), (3, "aux")) if free}
    return values | ({"anchored": sum(held) / len(held)} if held else {})


def side_by_side(context, count: int, work, *arguments) -> None:
    """work(rank, ...) in `count` processes; where one fails, the others, which would wait for it, are ended."""
    processes = [context.Process(target=_start, args=(work, rank, *arguments), daemon=True) for rank in range(count)]
    for process in processes:
        process.start()
    running = {process.sentinel: process for process in processes}
    while running:
        for ended in map(running.pop, wait(list(running))):
            ended.join()
            if ended.exitcode:
                for other in running.values():
                    other.terminate()
                raise RuntimeError(f"{work.__name__}: a process ended with {ended.exitcode}.")


def _start(work, rank: int, *arguments) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    work(rank, *arguments)


class Anchored(distill.Distiller):
    """The guided phase, but at the anchor's sizes with the anchor's velocity as the one to learn."""

    anchor: "Anchor | None" = None

    def target(self, r: distill.Rollout, inputs: dict, text: torch.Tensor) -> torch.Tensor:
        if self.anchor is None or not self.anchor.knows(r.bucket):
            return super().target(r, inputs, text)
        ids, lengths = r.bucket.caption(inputs["items"], inputs["pick"], None, r.length)
        return self.anchor.velocity(inputs["x"], 1 - self.levels[inputs["index"]], self.encoder(ids), lengths)


class Anchor:
    """A checkpoint's transformer, and the sizes at which it is to be learnt from."""

    def __init__(self, config: dict, folder: pathlib.Path):
        sizes = store.read_json(folder / "model_index.json").get("_zimage", {}).get("only_sizes", [])
        self.sizes = {tuple(map(int, size.split("x"))) for size in sizes}
        if not self.sizes:
            raise SystemExit(f"{folder} names no sizes (`_zimage.only_sizes` in model_index.json), so there is nothing to hold on to.")
        self.network = dit.Transformer(config["transformer"]).eval()
        state = store.read(folder / "transformer" / "diffusion_pytorch_model.safetensors")
        self.network.load_state_dict({name: tensor.float() for name, tensor in state.items()})
        self.network.requires_grad_(False)

    def knows(self, bucket) -> bool:
        return (bucket.width, bucket.height) in self.sizes

    @torch.no_grad()
    def velocity(self, x: torch.Tensor, t: torch.Tensor, hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.network(x, t, self.network.embed_text(hidden, lengths)).float()


class Refinement:
    def __init__(self, models: pathlib.Path, out: pathlib.Path, seed: int, processes: int, config: dict, steps: dict,
                 anchor: pathlib.Path | None, heads: pathlib.Path | None):
        self.models, self.out, self.seed, self.processes, self.config, self.steps = models, out, seed, processes, config, steps
        self.anchors = {name: Anchor(config, anchor / name) if anchor else None for name in ("nano", "nano-base")}
        self.heads_file = heads
        self.context = multiprocessing.get_context("fork")
        self.pool: Pool | None = None

    def data(self) -> None:
        seed_everything(self.seed)
        others = [(w * h) ** -0.5 for w, h in BUCKETS[1:]]
        native = SETTINGS["native"]
        shares = (native, *((1 - native) * share / sum(others) for share in others))
        if not (self.out / "flow_native.pt").exists():
            restore.begin(self.models, self.out)
        if not (self.out / "data.pt").exists():
            self.config["data"]["processes"] = self.processes
            data_build.scenes(self.config, self.out, self.seed, shares)
        self.pool = Pool(self.out, "cpu")

    def latents(self) -> list[torch.Tensor]:
        path = self.out / "latents.pt"
        if not path.exists():
            result = [torch.zeros(b.count, 16, b.height // 8, b.width // 8, dtype=torch.bfloat16).share_memory_() for b in self.pool.buckets]
            side_by_side(self.context, self.processes, self.encode, result)
            store.save_state(path, result)
        return store.load_state(path)

    @torch.no_grad()
    def encode(self, rank: int, result: list[torch.Tensor]) -> None:
        model = train_vae.load(self.out, "cpu")
        rng = generator(self.seed + 31 + rank)
        log = store.Log(self.out / "log" / f"latents-{rank}.jsonl", "latents", 20.0)
        for bucket, places in zip(self.pool.buckets, result):
            for index in torch.arange(bucket.count)[rank :: self.processes].split(2):  # more at once run out of the caches
                pixels = bucket.render(index, bucket.width, bucket.height, rng).contiguous(memory_format=torch.channels_last)
                with half():
                    mean, _ = model.encode(pixels)
                places[index] = model.scale(mean.float()).to(torch.bfloat16)
                log.add(len(index))
                if log.due():
                    log.line(width=bucket.width, height=bucket.height)

    def refine_base(self, latents: list[torch.Tensor]) -> dict:
        path = self.out / "refined.pt"
        if not path.exists():
            encoder, transformer = self.base(self.out / "flow_native.pt")
            shared = Shared(transformer, self.processes, self.context)
            side_by_side(self.context, self.processes, self.train_flow, shared, encoder, latents, path)
        return store.load_state(path)

    def base(self, path: pathlib.Path):
        encoder, transformer = flow.load_base(self.config, path, self.pool.vocabulary, "cpu")
        return encoder, transformer.requires_grad_(True)

    def heads(self) -> flow.Heads | None:
        if self.heads_file is None:
            return None
        heads = flow.Heads(self.config["transformer"]["dim"], self.pool.label_sizes)
        state = {name.removeprefix("heads/"): tensor.float() for name, tensor in store.read(self.heads_file).items() if name.startswith("heads/")}
        heads.load_state_dict(state)
        return heads.requires_grad_(False)

    def batches(self, rng: random.Random, size: int):
        """Endless batches (bucket's number, padded length, items, which caption, text dropped?); canvases by their numbers of scenes, captions
        of one padded length. A tenth of the batches has no text."""
        groups = []
        for number, bucket in enumerate(self.pool.buckets):
            lengths = (bucket.lengths_cpu + dit.MULTIPLE - 1) // dit.MULTIPLE
            groups += [(number, g * dit.MULTIPLE, (lengths == g).nonzero()) for g in lengths.unique().tolist()]
        weights = [len(members) / self.pool.buckets[number].batch(size) for number, _, members in groups]
        while True:
            number, length, members = rng.choices(groups, weights)[0]
            rows = members[[rng.randrange(len(members)) for _ in range(self.pool.buckets[number].batch(size))]]
            dropped = rng.random() < self.config["flow"]["drop"]
            yield number, dit.padded(self.pool.empty_length) if dropped else length, rows[:, 0], rows[:, 1], dropped

    def train_flow(self, rank: int, shared: Shared, encoder, latents: list[torch.Tensor], path: pathlib.Path) -> None:
        s, c, steps = SETTINGS["flow"], self.config["flow"], self.steps["flow"]
        shared.join(rank, s["muon_lr"], s["lr"], (0.9, 0.98))
        network, rng = shared.network, generator(self.seed + 100 + rank)
        average = Average(network, s["ema"]) if rank == 0 else None
        log = store.Log(self.out / "log" / f"refine-flow-{rank}.jsonl", "flow", 20.0)
        source = self.batches(random.Random(f"{self.seed}/flow/{rank}"), s["batch"])
        anchor, heads = self.anchors["nano-base"], self.heads()
        totals: list = []
        for step in range(steps):
            number, length, items, pick, dropped = next(source)
            bucket, x1 = self.pool.buckets[number], latents[number][items].float()
            noise = torch.randn(x1.shape, generator=rng)
            level = flow.noise_levels(len(items), c["shift"], c["uniform"], rng, "cpu")
            ids, lengths = bucket.caption(items, pick, torch.full((len(items),), dropped), length)
            mix = level[:, None, None, None]
            with half():
                with torch.no_grad():
                    hidden = encoder(ids)
                xt, target = (1 - mix) * x1 + mix * noise, x1 - noise
                anchored = anchor is not None and anchor.knows(bucket)
                if anchored:
                    target = anchor.velocity(xt, 1 - level, hidden, lengths)
                velocity, tapped = network(xt, 1 - level, network.embed_text(hidden, lengths), tap=c["aux_layer"])
                aux = heads.loss(tapped.float(), bucket.labels(items, x1.shape[2] // 2, x1.shape[3] // 2)) if heads and not dropped else torch.zeros(())
            error = (velocity.float() - target).pow(2).mean(1)
            loss = bucket.mean_error(error, items, c["text_weight"], c["shape_weight"])
            shared.clear()
            ((SETTINGS["anchored"] if anchored else 1.0) * loss + c["aux"] * aux).backward()
            shared.lr(trapezoid(step, step / steps, s["warmup"], s["decay_from"]))
            shared.step()
            totals.append((anchored, float(loss), float(error.mean()), float(aux)))
            log.add(len(items))
            if average:
                average.update()
            if log.due() or step == steps - 1:
                log.line(step=step + 1, batches=len(totals), **means(totals))
                totals = []
            if average and (step + 1 == steps or self.steps["keep"] and (step + 1) % self.steps["keep"] == 0):
                store.save_state(path if step + 1 == steps else path.with_name(f"refined-{step + 1}.pt"), average.state())

    def moved(self, refined: dict) -> dict:
        """nano's transformer, moved by what nano-base's has moved by."""
        before = store.load_state(self.out / "flow_native.pt")["average"]["transformer"]
        nano = store.read(self.models / "nano" / "transformer" / "diffusion_pytorch_model.safetensors")
        return {name: nano[name].float() + refined[name] - before[name].float() for name in refined}

    def refine_nano(self, refined: dict) -> dict:
        path = self.out / "distilled.pt"
        if not path.exists():
            encoder, transformer = self.base(self.out / "flow_native.pt")
            transformer.load_state_dict(refined)
            config = copy.deepcopy(self.config)
            config["distill"].update(SETTINGS["distill"], canvases=len(BUCKETS), graphs=False)
            worker = Anchored(config, self.pool, (encoder, transformer), self.seed, False)
            worker.student.load_state_dict(self.moved(refined))
            worker.anchor = self.anchors["nano"]
            shared = Shared(worker.student, self.processes, self.context)
            side_by_side(self.context, self.processes, self.train_distill, worker, shared, path)
        return store.load_state(path)

    def train_distill(self, rank: int, worker, shared: Shared, path: pathlib.Path) -> None:
        s, steps = SETTINGS["distill"], self.steps["distill"]
        shared.join(rank, s["muon_lr"], s["lr"], (0.5, 0.98))
        worker.optimizer = shared
        worker.rng, worker.rng_cpu = generator(self.seed + 200 + rank), generator(self.seed + 300 + rank)
        worker.rollouts, worker.weights = worker.make_rollouts()
        with half():
            worker.settle()
        worker.average = Average(worker.student, s["ema"] if rank == 0 else 0.0)
        log = store.Log(self.out / "log" / f"refine-distill-{rank}.jsonl", "distill", 20.0)
        totals: list = []
        for step in range(steps):
            with half():
                values = worker.step("guided", trapezoid(step, step / steps, s["warmup"], 0.0))
            totals.append(float(values["guided"]))
            log.add(int(values["items"]))
            if log.due() or step == steps - 1:
                log.line(step=step + 1, batches=len(totals), guided=sum(totals) / len(totals))
                totals = []
        if rank == 0:
            store.save_state(path, worker.average.state())

    def write(self, refined: dict, distilled: dict) -> None:
        for name, state in (("nano-base", refined), ("nano", distilled)):
            export.write_transformer(self.out / "models" / name / "transformer", self.config, state)
        export.sizes(self.out)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--scenes", type=int, default=9_000)
    parser.add_argument("--flow-steps", type=int, default=2200)
    parser.add_argument("--distill-steps", type=int, default=600)
    parser.add_argument("--anchor", type=pathlib.Path, metavar="MODELS", help="checkpoints whose pictures at the sizes they name stay")
    parser.add_argument("--heads", type=pathlib.Path, metavar="FILE", help="auxiliary heads: flow_native.safetensors of pack.py --resume")
    parser.add_argument("--keep", type=int, default=0, help="keeps nano-base's weights every so many steps")
    a = parser.parse_args()
    config = settings.load("full")
    config["data"]["scenes"] = a.scenes
    a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    keep_memory()
    run = Refinement(a.models, a.out, a.seed, a.processes, config, {"flow": a.flow_steps, "distill": a.distill_steps, "keep": a.keep},
                     a.anchor, a.heads)
    start = time.monotonic()
    said = lambda stage: print(f"[{stage}] done, {time.monotonic() - start:.0f} s since the start", flush=True)
    run.data()
    said("data")
    latents = run.latents()
    said("latents")
    refined = run.refine_base(latents)
    said("flow")
    distilled = run.refine_nano(refined)
    said("distill")
    run.write(refined, distilled)
    said("export")
    return 0


if __name__ == "__main__":
    sys.exit(main())
