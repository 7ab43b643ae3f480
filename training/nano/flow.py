"""Flow matching of the transformer and the text encoder together, at half the size first and then at the full one."""

import math
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

from . import dit, encoder, store
from .graphs import Graphs
from .ops import autocast, generator, seed_everything
from .optim import Average, Clock, Optimizer, trapezoid


class Heads(nn.Module):
    """Auxiliary reading of the image tokens inside the transformer: which glyph, kind and colour belongs there.
    Used in training only, so that the way from the caption's words to places on the canvas is found early."""

    def __init__(self, dim: int, sizes: tuple[int, ...]):
        super().__init__()
        self.sizes = sizes
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, -(-sum(sizes) // 16) * 16)

    def loss(self, tokens: torch.Tensor, labels: list[torch.Tensor]) -> torch.Tensor:
        """labels: (batch, tokens) class per token, 0 where nothing is; those count a twentieth."""
        read, total = self.out(self.norm(tokens)).float().flatten(0, 1), 0.0
        for part, label in zip(read[:, : sum(self.sizes)].split(self.sizes, 1), labels):
            weight = (label > 0).float() * 0.95 + 0.05
            entropy = F.cross_entropy(part, label.flatten(), reduction="none")
            total = total + (entropy * weight.flatten()).sum() / weight.sum()
        return total


def noise_levels(count: int, shift: float, uniform: float, rng: torch.Generator, device) -> torch.Tensor:
    """Stratified levels in (0, 1), 1 is noise: a share `uniform` spread evenly, the rest shifted as the schedule is."""
    u = (torch.randperm(count, generator=rng, device=device) + torch.rand(count, generator=rng, device=device)) / count
    shifted = shift * u / (1 + (shift - 1) * u)
    even = torch.rand(count, generator=rng, device=device)
    chosen = torch.rand(count, generator=rng, device=device) < uniform
    return torch.where(chosen, even, shifted).clamp(1e-4, 1.0)


def batches(pool, latents: list, size: int, drop: float, rng: torch.Generator):
    """Endless batches (bucket, padded length, items, which caption, text dropped?) of one canvas and one padded length each, their
    tensors on the device; `size` is that of the native canvas. Items without their text go where the empty caption's length belongs, as
    the sampler runs them."""
    native = size
    while True:
        plan, rows = [], []
        for bucket, encoded in zip(pool.buckets, latents):
            if encoded is None:
                continue
            size = bucket.batch(native)
            pick = torch.randint(bucket.lengths.shape[1], (bucket.count,), generator=rng)
            dropped = torch.rand(bucket.count, generator=rng) < drop
            length = bucket.lengths_cpu[torch.arange(bucket.count), pick]
            length = torch.where(dropped, torch.full_like(length, pool.empty_length), length)
            group = (length + dit.MULTIPLE - 1) // dit.MULTIPLE
            for g in group.unique().tolist():
                members = (group == g).nonzero().flatten()
                members = members[torch.randperm(len(members), generator=rng)]
                short = -len(members) % size
                if len(members) < (size // 4 if bucket is pool.buckets[0] else size):
                    continue  # too few to be worth a batch, or a graph; another round draws other captions
                if short and len(members) >= size and short > size // 2:
                    members = members[: len(members) - (size - short)]
                elif short:
                    members = torch.cat([members, members[torch.randint(len(members), (short,), generator=rng)]])
                for part in members.split(size):
                    plan.append((bucket, g * dit.MULTIPLE))
                    rows.append(torch.stack([part, pick[part], dropped[part].long()]))
        # One transfer a round: a transfer in every step would make the processor wait for the device each time.
        moved = torch.cat(rows, 1).to(pool.device).split([row.shape[1] for row in rows], 1)
        for index in torch.randperm(len(plan), generator=rng).tolist():
            items, chosen, without = moved[index].contiguous()
            yield (*plan[index], items, chosen, without > 0)


class Trainer:
    """The two networks, their heads, optimiser and averages; the state goes from the low stage to the native one."""

    def __init__(self, config: dict, pool, seed: int, compiled: bool):
        seed_everything(seed)
        c = self.c = config["flow"]
        self.config, self.pool, self.device = config, pool, pool.device
        self.encoder = encoder.Qwen3Encoder({**config["text_encoder"], "vocab_size": pool.vocabulary}).to(self.device)
        self.transformer = dit.Transformer(config["transformer"]).to(self.device)
        self.heads = Heads(config["transformer"]["dim"], pool.label_sizes).to(self.device)
        if compiled:
            self.transformer.compile_blocks()
            self.encoder.compile_layers()
        self.modules = {"text_encoder": self.encoder, "transformer": self.transformer, "heads": self.heads}
        last = f"layers.{config['text_encoder']['num_hidden_layers'] - 1}."
        for name, parameter in self.encoder.named_parameters():
            parameter.requires_grad_(not name.startswith((last, "norm.")))
        self.optimizer = Optimizer(self.modules, c["muon_lr"], c["adam_lr"], c["embed_lr"], c["momentum"])
        self.averages = {name: Average(module, c["ema"]) for name, module in self.modules.items()}
        self.graphs = Graphs(c["graphs"], self.device)
        self.bad = 0  # lines of the log in a row without a finite loss

    def update(self, bucket, latents: torch.Tensor, length: int, stretch: float, inputs: dict) -> dict:
        """Loss, gradients and update of one batch; free of transfers and random numbers, so that it can be captured."""
        self.optimizer.clear()
        c, device = self.c, self.device
        items, noise, level = inputs["items"], inputs["noise"], inputs["level"]
        ids, lengths = bucket.caption(items, inputs["pick"], inputs["dropped"], length)
        x1 = latents[items].float()
        mix = level[:, None, None, None]
        xt = (1 - mix) * x1 + mix * noise
        labels = bucket.labels(items, x1.shape[2] // 2, x1.shape[3] // 2)
        with autocast(device):
            text = self.transformer.embed_text(self.encoder(ids), lengths)
            velocity, tapped = self.transformer(xt, 1 - level, text, stretch, c["aux_layer"])
            aux = self.heads.loss(tapped, labels)
        error = (velocity.float() - (x1 - noise)).pow(2).mean(1)
        flow = bucket.mean_error(error, items, c["text_weight"], c["shape_weight"])
        (flow + c["aux"] * aux).backward()
        self.optimizer.step()
        return {"loss": flow.detach(), "plain": error.detach().mean(), "aux": aux.detach()}

    def step(self, stage: str, latents: dict, batch: tuple, rng: torch.Generator, scale: float) -> dict:
        """One step with the stage's settings; latents by the identity of their bucket."""
        bucket, length, items, pick, dropped = batch
        encoded, c = latents[id(bucket)], self.c
        inputs = {"items": items, "pick": pick, "dropped": dropped,
                  "noise": torch.randn((len(items), *encoded.shape[1:]), generator=rng, device=self.device),
                  "level": noise_levels(len(items), c["shift"], c["uniform"], rng, self.device)}
        self.optimizer.lr(scale)
        values = self.graphs((stage, bucket.width, bucket.height, length),
                             lambda x: self.update(bucket, encoded, length, c[stage]["stretch"], x), inputs)
        for average in self.averages.values():
            average.update()
        return values

    def run(self, stage: str, latents: list, out: pathlib.Path, seed: int, seconds: float, probe=None) -> None:
        with self.graphs.stage():
            self._run(stage, latents, out, seed, seconds, probe)
        self.graphs.clear()

    def _run(self, stage: str, latents: list, out: pathlib.Path, seed: int, seconds: float, probe) -> None:
        c, s = self.c, self.c[stage]
        clock = Clock(s["steps"], seconds)
        rng_cpu, rng = generator(seed), generator(seed + 1, self.device)
        log = store.Log(out / "log" / f"flow_{stage}.jsonl", f"flow_{stage}")
        where = {id(bucket): x for bucket, x in zip(self.pool.buckets, latents)}
        source = batches(self.pool, latents, s["batch"], c["drop"], rng_cpu)
        probes = [at for at in s.get("probes", ()) if probe]
        values, scale = None, 0.0
        while (progress := clock.progress()) < 1:
            scale = trapezoid(clock.step, progress, s["warmup"], s["decay_from"])
            batch = next(source)
            values = self.step(stage, where, batch, rng, scale)
            log.add(len(batch[2]))
            clock.step += 1
            if log.due() or clock.step == 1:
                self.note(log, stage, clock.step, progress, values, scale)
            if probes and progress >= probes[0]:
                probes.pop(0)
                with _All(self.averages.values()):
                    log.line(step=clock.step, **probe(self.encoder, self.transformer))
        if values is not None:
            self.note(log, stage, clock.step, 1.0, values, scale)

    def note(self, log, stage: str, step: int, progress: float, values: dict, scale: float) -> None:
        numbers = {name: float(value) for name, value in values.items()}
        log.line(step=step, progress=progress, **numbers, lr=scale)
        self.bad = 0 if math.isfinite(numbers["loss"]) else self.bad + 1
        if self.bad > 1:
            raise FloatingPointError(f"{stage}: the loss is not finite at step {step}")

    def save(self, path: pathlib.Path) -> None:
        state = {"live": {name: module.state_dict() for name, module in self.modules.items()},
                 "average": {name: average.state() for name, average in self.averages.items()},
                 "momentum": self.optimizer.muon.buffers, "adam": self.optimizer.adam.state_dict()}
        store.save_state(path, state)

    def restore(self, path: pathlib.Path) -> None:
        state = store.load_state(path, self.device)
        for name, module in self.modules.items():
            module.load_state_dict(state["live"][name])
        for name, average in self.averages.items():
            average.shadow = [state["average"][name][key].float() for key in average.names]
            average.count = 10**6
        if "adam" in state:  # a restored run begins with fresh optimisers
            self.optimizer.muon.buffers = state["momentum"]
            self.optimizer.adam.load_state_dict(state["adam"])


class _All:
    def __init__(self, averages):
        self.swaps = [average.swapped() for average in averages]

    def __enter__(self):
        for swap in self.swaps:
            swap.__enter__()

    def __exit__(self, *_):
        for swap in self.swaps:
            swap.__exit__()


def load_base(config: dict, path: pathlib.Path, vocabulary: int, device) -> tuple[encoder.Qwen3Encoder, dit.Transformer]:
    """The averaged networks of a stage's checkpoint."""
    state = store.load_state(path)["average"]
    text_encoder = encoder.Qwen3Encoder({**config["text_encoder"], "vocab_size": vocabulary})
    text_encoder.load_state_dict(state["text_encoder"])
    transformer = dit.Transformer(config["transformer"])
    transformer.load_state_dict(state["transformer"])
    return (text_encoder.to(device).eval().requires_grad_(False), transformer.to(device).eval())
