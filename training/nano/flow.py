"""Flow matching of the transformer and the text encoder together, at half the size first and then at the full one."""

import pathlib

import torch
from torch import nn
from torch.nn import functional as F

from . import dit, encoder, store
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
    """Endless batches (bucket, padded length, items, which caption, text dropped?) of one size and one padded length each.
    Items without their text go where the empty caption's length belongs, as the sampler runs them."""
    while True:
        plan = []
        for bucket, encoded in zip(pool.buckets, latents):
            if encoded is None:
                continue
            pick = torch.randint(bucket.lengths.shape[1], (bucket.count,), generator=rng)
            dropped = torch.rand(bucket.count, generator=rng) < drop
            length = bucket.lengths_cpu[torch.arange(bucket.count), pick]
            length = torch.where(dropped, torch.full_like(length, pool.empty_length), length)
            group = (length + dit.MULTIPLE - 1) // dit.MULTIPLE
            for g in group.unique().tolist():
                members = (group == g).nonzero().flatten()
                members = members[torch.randperm(len(members), generator=rng)]
                short = -len(members) % size
                if len(members) < size // 4:
                    continue  # too few to be worth a batch; another round draws other captions
                if short and len(members) >= size and short > size // 2:
                    members = members[: len(members) - (size - short)]
                elif short:
                    members = torch.cat([members, members[torch.randint(len(members), (short,), generator=rng)]])
                for part in members.split(size):
                    plan.append((bucket, g * dit.MULTIPLE, part, pick[part], dropped[part]))
        for index in torch.randperm(len(plan), generator=rng).tolist():
            yield plan[index]


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

    def loss(self, bucket, latents: torch.Tensor, length: int, items, pick, dropped, stretch: float, rng) -> tuple:
        c, device = self.c, self.device
        items = items.to(device)
        ids, lengths = bucket.caption(items, pick.to(device), dropped.to(device), length)
        x1 = latents[items].float()
        noise = torch.randn(x1.shape, generator=rng, device=device)
        level = noise_levels(len(items), c["shift"], c["uniform"], rng, device)
        mix = level[:, None, None, None]
        xt = (1 - mix) * x1 + mix * noise
        rows, columns = x1.shape[2] // 2, x1.shape[3] // 2
        labels, in_text = bucket.labels(items, rows, columns)
        with autocast(device):
            text = self.transformer.embed_text(self.encoder(ids), lengths)
            velocity, tapped = self.transformer(xt, 1 - level, text, stretch, c["aux_layer"])
            aux = self.heads.loss(tapped, labels)
        error = (velocity.float() - (x1 - noise)).pow(2).mean(1)
        weight = 1 + c["text_weight"] * in_text.view(-1, rows, columns).repeat_interleave(2, 1).repeat_interleave(2, 2)
        flow = (error * weight).sum() / weight.sum()
        return flow, aux, error

    def run(self, stage: str, latents: list, out: pathlib.Path, seed: int, seconds: float, probe=None) -> None:
        c, s = self.c, self.c[stage]
        clock = Clock(s["steps"], seconds)
        rng_cpu, rng = generator(seed), generator(seed + 1, self.device)
        log = store.Log(out / "log" / f"flow_{stage}.jsonl", f"flow_{stage}")
        where = {id(bucket): x for bucket, x in zip(self.pool.buckets, latents)}
        source = batches(self.pool, latents, s["batch"], c["drop"], rng_cpu)
        probe_at = s["probe_at"] if probe else 2.0
        flow, aux, error, scale = None, None, None, 0.0
        while (progress := clock.progress()) < 1:
            scale = trapezoid(clock.step, progress, s["warmup"], s["decay_from"])
            self.optimizer.lr(scale)
            bucket, length, items, pick, dropped = next(source)
            flow, aux, error = self.loss(bucket, where[id(bucket)], length, items, pick, dropped, s["stretch"], rng)
            (flow + c["aux"] * aux).backward()
            self.optimizer.step()
            for average in self.averages.values():
                average.update()
            log.add(len(items))
            clock.step += 1
            if log.due() or clock.step == 1:
                self.note(log, stage, clock.step, progress, flow, aux, error, scale)
            if progress >= probe_at:
                probe_at = 2.0
                with _All(self.averages.values()):
                    log.line(step=clock.step, **probe(self.encoder, self.transformer))
        if flow is not None:
            self.note(log, stage, clock.step, 1.0, flow, aux, error, scale)

    def note(self, log, stage: str, step: int, progress: float, flow, aux, error, scale: float) -> None:
        log.line(step=step, progress=progress, loss=float(flow.detach()), plain=float(error.detach().mean()), aux=float(aux.detach()), lr=scale)
        if not torch.isfinite(flow):
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
