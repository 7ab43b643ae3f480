"""The stages of the run: what each reads and writes, and which of them are finished."""

import json
import pathlib
import time

import torch

from . import data_build, distill, evaluate, export, flow, latents, store, train_vae
from .data import Pool
from .ops import allow_compile, seed_everything

NAMES = ["tokenizer", "data", "vae", "latents", "flow_low", "flow_native", "distill", "ablation", "export", "evaluate"]
RESULTS = {
    "tokenizer": "tokenizer/tokenizer.json", "data": "data.pt", "vae": "vae.safetensors", "latents": "latents.json", "flow_low": "flow_low.pt",
    "flow_native": "flow_native.pt", "distill": "distill.pt", "ablation": "ablation.pt", "export": "result/export.json",
    "evaluate": "result/evaluation.json",
}


class Run:
    def __init__(self, config: dict, out: pathlib.Path, seed: int, device: str, compiled: bool):
        self.config, self.out, self.seed, self.device = config, out, seed, device
        self.compiled = allow_compile(compiled and torch.device(device).type == "cuda")
        self.cached_pool = self.cached_latents = self.trainer = None
        if torch.device(device).type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = True

    def finished(self, stage: str) -> bool:
        return (self.out / RESULTS[stage]).exists()

    def run(self, stage: str) -> None:
        seed_everything(self.seed + 1000 * NAMES.index(stage))
        getattr(self, stage)(self.seed + 1000 * NAMES.index(stage))

    def note(self, stage: str, seconds: float) -> None:
        """One line of the run's summary: time and peak memory of the stage."""
        record = {"stage": stage, "seconds": round(seconds, 1), "finished": time.strftime("%H:%M:%S")}
        if torch.device(self.device).type == "cuda":
            record["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
            torch.cuda.reset_peak_memory_stats()
        path = self.out / "log" / "stages.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(f"[{stage}] done in {seconds:.1f} s {record.get('peak_gib', '')}", flush=True)

    def pool(self) -> Pool:
        if self.cached_pool is None:
            self.cached_pool = Pool(self.out, self.device)
        return self.cached_pool

    def latent_cache(self) -> dict:
        if self.cached_latents is None:
            self.latents(self.seed + 1000 * NAMES.index("latents"))
        return self.cached_latents

    def probe(self, count: int = 128):
        """A function that scores a network on some held-out captions, for the logs."""
        return evaluate.Probe(self.config, self.out, self.device, count)

    def tokenizer(self, seed: int) -> None:
        data_build.tokenizer(self.out)

    def data(self, seed: int) -> None:
        data_build.scenes(self.config, self.out, seed)

    def vae(self, seed: int) -> None:
        train_vae.train(self.config, self.pool(), self.out, seed, self.compiled)

    def latents(self, seed: int) -> None:
        self.cached_latents = latents.build(self.config, self.pool(), self.out, seed)

    def flow_low(self, seed: int) -> None:
        self.trainer = flow.Trainer(self.config, self.pool(), seed, self.compiled)
        self.trainer.run("low", self.latent_cache()["low"], self.out, seed)
        self.trainer.save(self.out / RESULTS["flow_low"])

    def flow_native(self, seed: int) -> None:
        if self.trainer is None:
            self.trainer = flow.Trainer(self.config, self.pool(), seed, self.compiled)
            self.trainer.restore(self.out / RESULTS["flow_low"])
        probe = self.probe()
        self.trainer.run("native", self.latent_cache()["native"], self.out, seed, lambda e, t: probe.guided(e, t))
        self.trainer.save(self.out / RESULTS["flow_native"])
        self.trainer = None

    def base(self) -> tuple:
        return flow.load_base(self.config, self.out / RESULTS["flow_native"], self.pool().vocabulary, self.device)

    def distil(self, name: str, steps: int, seed: int, snapshots: tuple = (), **terms) -> dict:
        c = self.config["distill"]
        probe = self.probe()
        worker = distill.Distiller(self.config, self.pool(), self.base(), seed, self.compiled, **terms)
        cache = self.latent_cache()["native"] if c["data_weight"] else None
        return worker.run(name, steps, self.out, cache, lambda e, t: probe.few(e, t), snapshots)

    def distill(self, seed: int) -> None:
        c = self.config["distill"]
        kept = self.distil("distill", c["steps"], seed, (c["ablation_steps"],), ca=c["ca"], dm=c["dm"])
        store.save_state(self.out / RESULTS["distill"], kept)

    def ablation(self, seed: int) -> None:
        """Each term alone, and both, for the same short number of steps."""
        c = self.config["distill"]
        steps = c["ablation_steps"]
        result = {"both": store.load_state(self.out / RESULTS["distill"])[steps]}
        for name, terms in (("ca_only", {"ca": True, "dm": False}), ("dm_only", {"ca": False, "dm": True})):
            result[name] = self.distil(f"ablation_{name}", steps, seed, **terms)["last"]
        store.save_state(self.out / RESULTS["ablation"], result)

    def export(self, seed: int) -> None:
        export.export(self.config, self.out, self.pool().vocabulary)

    def evaluate(self, seed: int) -> None:
        evaluate.table(self.config, self.out, self.device, self.pool().vocabulary)
