"""The stages of the run: what each reads and writes, and which of them are finished."""

import json
import pathlib
import time

import torch

from . import config as settings
from . import data_build, distill, evaluate, export, flow, latents, store, train_vae, vae
from .data import Pool
from .ops import allow_compile, seed_everything

NAMES = ["tokenizer", "data", "vae", "latents", "flow_low", "flow_native", "export_base", "distill", "export", "evaluate", "ablation"]
RESULTS = {
    "tokenizer": "tokenizer/tokenizer.json", "data": "data.pt", "vae": "vae.safetensors", "latents": "latents.json", "flow_low": "flow_low.pt",
    "flow_native": "flow_native.pt", "export_base": "models/nano-base/model_index.json", "distill": "distill.pt",
    "export": "result/export.json", "evaluate": "result/evaluation.json", "ablation": "result/ablation.json",
}
NEEDS = {
    "data": ["tokenizer"], "vae": ["data"], "latents": ["vae"], "flow_low": ["vae"], "flow_native": ["flow_low"], "export_base": ["flow_native"],
    "distill": ["flow_native"], "export": ["export_base", "distill"], "evaluate": ["flow_native"], "ablation": ["distill"],
}
# Seconds that the stages without a budget of their own take, for the plan up to a deadline.
ESTIMATES = {"tokenizer": 5, "data": 15, "vae": 6, "export_base": 2, "distill": 12, "export": 2, "evaluate": 96}
MARGIN = 15


class Run:
    def __init__(self, config: dict, out: pathlib.Path, seed: int, device: str, compiled: bool, stages: list[str], begun: float,
                 deadline: float | None):
        """`begun` and `deadline` by time.monotonic(), which the two processes of a run have in common."""
        self.config, self.out, self.seed, self.device, self.stages, self.deadline = config, out, seed, device, stages, deadline
        self.compiled = allow_compile(compiled and torch.device(device).type == "cuda")
        self.cached_pool = self.cached_latents = self.trainer = None
        self.begun = time.time() - (time.monotonic() - begun)
        if torch.device(device).type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = False  # trying every algorithm for every shape took longer than it gained
        if self.compiled:
            vae.compile_norms()

    def left(self) -> float:
        """Seconds until the deadline."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()

    def seconds(self, stage: str) -> float:
        """The stage's share of the time: its budget, stretched or shrunk with those of the stages to come so that all end in time."""
        budgets = {name: float(part["seconds"]) for name, part in settings.training_parts(self.config).items()}
        if self.deadline is None:
            return budgets[stage]
        later = self.stages[self.stages.index(stage):]
        fixed = {**ESTIMATES, "latents": self.config["latents"]["seconds"], "ablation": self.ablation_time()}
        rest = self.left() - MARGIN - sum(fixed.get(name, 0) for name in later)
        share = rest / sum(budgets[name] for name in later if name in budgets)
        seconds = budgets[stage] * min(1.6, max(0.05, share))
        print(f"[{stage}] {seconds:.1f} s of the {self.left():.1f} s that are left", flush=True)
        return seconds

    def finished(self, stage: str) -> bool:
        return (self.out / RESULTS[stage]).exists()

    def made(self, stage: str) -> bool:
        """Whether the result is there and of this run."""
        return self.finished(stage) and (self.out / RESULTS[stage]).stat().st_mtime > self.begun

    def release(self) -> None:
        """Lets go of the device's memory."""
        self.cached_pool = self.cached_latents = self.trainer = None
        if torch.device(self.device).type == "cuda":
            torch.cuda.empty_cache()

    def missing(self, stage: str) -> list[str]:
        return [name for name in NEEDS.get(stage, []) if not self.finished(name)]

    def run(self, stage: str) -> None:
        seed_everything(self.seed + 1000 * NAMES.index(stage))
        getattr(self, stage)(self.seed + 1000 * NAMES.index(stage))

    def ablation_time(self) -> float:
        return 3 * (self.config["distill"]["ablation_seconds"] + 11) + 4

    def note(self, stage: str, seconds: float, error: str | None = None) -> None:
        """One line of the run's summary: time and peak memory of the stage."""
        record = {"stage": stage, "seconds": round(seconds, 1), "finished": time.strftime("%H:%M:%S")}
        if error:
            record["error"] = error
        if torch.device(self.device).type == "cuda":
            record["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
            torch.cuda.reset_peak_memory_stats()
        path = self.out / "log" / "stages.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(f"[{stage}] {'FAILED after' if error else 'done in'} {seconds:.1f} s, peak {record.get('peak_gib', 0)} GiB", flush=True)

    def pool(self) -> Pool:
        if self.cached_pool is None:
            self.cached_pool = Pool(self.out, self.device)
        return self.cached_pool

    def latent_cache(self) -> dict:
        if self.cached_latents is None:
            self.latents(self.seed + 1000 * NAMES.index("latents"))
        return self.cached_latents

    def probe(self) -> evaluate.Probe:
        """Scores a network on some held-out captions, for the logs."""
        return evaluate.Probe(self.config, self.out, self.device, self.config["evaluate"]["probe"])

    def tokenizer(self, seed: int) -> None:
        data_build.tokenizer(self.out)

    def data(self, seed: int) -> None:
        data_build.scenes(self.config, self.out, seed)

    def vae(self, seed: int) -> None:
        train_vae.train(self.config, self.pool(), self.out, seed, self.compiled, self.seconds("vae"))
        if "evaluate" in self.stages:
            evaluate.ceiling(self.config, self.out, self.device)

    def latents(self, seed: int) -> None:
        self.cached_latents = latents.build(self.config, self.pool(), self.out, seed, self.config["latents"]["seconds"])

    def flow_low(self, seed: int) -> None:
        cache = self.latent_cache()["low"]
        seconds = self.seconds("flow_low")
        self.trainer = flow.Trainer(self.config, self.pool(), seed, self.compiled)
        self.trainer.run("low", cache, self.out, seed, seconds)
        self.trainer.save(self.out / RESULTS["flow_low"])

    def flow_native(self, seed: int) -> None:
        cache = self.latent_cache()["native"]
        seconds = self.seconds("flow_native")
        if self.trainer is None:
            self.trainer = flow.Trainer(self.config, self.pool(), seed, self.compiled)
            self.trainer.restore(self.out / RESULTS["flow_low"])
        self.trainer.run("native", cache, self.out, seed, seconds, self.probe().guided)
        self.trainer.save(self.out / RESULTS["flow_native"])
        self.trainer = None

    def export_base(self, seed: int) -> None:
        export.base(self.config, self.out, self.pool().vocabulary)

    def distiller(self, seed: int, **changes) -> distill.Distiller:
        base = flow.load_base(self.config, self.out / RESULTS["flow_native"], self.pool().vocabulary, self.device)
        return distill.Distiller(self.config, self.pool(), base, seed, self.compiled, **changes)

    def distill(self, seed: int) -> None:
        """nano is the weights after both phases, or those after the first where DMD has cost more than `tolerance` on captions of another seed."""
        c = self.config["distill"]
        seconds = self.seconds("distill")
        self.cached_latents = None
        worker = self.distiller(seed)
        kept = worker.run("distill", c["steps"], seconds, self.out)
        store.save_state(self.out / "distill.kept.pt", kept)  # whatever becomes of the choice
        validation = evaluate.Validation(self.config, self.out, self.device, worker.encoder)
        scores = {name: validation.score(state) for name, state in kept.items()}
        loss = scores["guided"]["score"] - scores["last"]["score"] if "guided" in scores else 0.0
        chosen = "guided" if loss > c["tolerance"] else "last"
        store.write_json(self.out / "result" / "distill.json", {"chosen": chosen, "scores": scores})
        print(f"[distill] chosen: {chosen}, of {({name: round(s['score'], 4) for name, s in scores.items()})}", flush=True)
        store.save_state(self.out / RESULTS["distill"], {"last": kept[chosen], "guided": kept.get("guided", kept["last"]), "end": kept["last"]})

    def export(self, seed: int) -> None:
        export.nano(self.config, self.out)

    def evaluate(self, seed: int) -> None:
        late = lambda: self.left() < MARGIN + ("ablation" in self.stages) * self.ablation_time()
        vocabulary = self.pool().vocabulary
        sizes = lambda: self.finished("distill") and evaluate.sizes(self.config, self.out, self.device, vocabulary, late)
        evaluate.table(self.config, self.out, self.device, vocabulary, late, sizes)

    def ablation(self, seed: int) -> None:
        """DMD from the base at the native size, without the guided phase: both terms and each alone, for the same number of steps of the
        student; their scores."""
        c = self.config["distill"]
        seed = self.seed + 1000 * NAMES.index("distill")
        rows = evaluate.Table(self.config, self.out, self.device, self.pool().vocabulary, "ablation.json")
        for name, ca, dm in (("both", True, True), ("ca_only", True, False), ("dm_only", False, True)):
            worker = self.distiller(seed, ca=ca, dm=dm, guided_share=0.0, guided_every=0, dmd_rate=c["ablation_rate"], guard=False,
                                    canvases=1)
            steps = c["ablation_steps"] + c["fake_warmup"] * dm  # the student rests while the fake network catches up
            rows.distilled(f"ablation {name}", worker.run(f"ablation_{name}", steps, c["ablation_seconds"], self.out)["last"])
