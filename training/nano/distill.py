"""Decoupled DMD: the base becomes a generator of eight evaluations without guidance.

Two terms push the generator's predicted picture x. Guidance augmentation (CA) is the engine: (alpha - 1) times the frozen
teacher's conditional minus its unconditional prediction, at noise levels that the generator's current step has not settled yet.
Distribution matching (DM) is the regulariser: the teacher's conditional prediction minus that of a `fake` network that follows
the generator's outputs, at all noise levels. The two draw their noise levels independently.

Backward simulation costs nothing extra: each item of the rolling batch stands at its own step of the sampler's schedule, and the
generator's evaluation that is trained also moves the item to its next step."""

import copy
import math
import pathlib

import torch

from . import flow, sampler, store
from .ops import autocast, generator
from .optim import Average, Clock, Optimizer


class Rollout:
    """Items of one size and one padded caption length, each at its own step."""

    def __init__(self, bucket, length: int, members: torch.Tensor, size: int, shape: tuple, steps: int, rng):
        self.bucket, self.length, self.members, self.steps, self.rng = bucket, length, members, steps, rng
        device = bucket.device
        self.index = torch.arange(size, device=device) % steps
        self.x = torch.randn((size, *shape), generator=rng, device=device)
        self.items = torch.zeros(size, dtype=torch.long, device=device)
        self.pick = torch.zeros(size, dtype=torch.long, device=device)
        self.draw(torch.ones(size, dtype=torch.bool, device=device))

    def draw(self, where: torch.Tensor) -> None:
        """New captions and noise for the items in the mask."""
        chosen = torch.randint(len(self.members), (len(where),), generator=self.rng, device=where.device)
        fresh = self.members[chosen]
        self.items = torch.where(where, fresh[:, 0], self.items)
        self.pick = torch.where(where, fresh[:, 1], self.pick)
        noise = torch.randn(self.x.shape, generator=self.rng, device=where.device)
        self.x = torch.where(where[:, None, None, None], noise, self.x)

    def advance(self, following: torch.Tensor) -> None:
        self.x = following
        self.index = self.index + 1
        done = self.index >= self.steps
        self.index = torch.where(done, torch.zeros_like(self.index), self.index)
        self.draw(done)


class Distiller:
    def __init__(self, config: dict, pool, base: tuple, seed: int, compiled: bool, ca: bool = True, dm: bool = True):
        c = self.c = {**config["distill"], "ca": ca, "dm": dm}
        self.pool, self.device, self.shift = pool, pool.device, config["shift"]
        self.encoder, self.teacher = base[0], copy.deepcopy(base[1]).requires_grad_(False)
        self.student, self.fake = copy.deepcopy(base[1]), copy.deepcopy(base[1])
        if compiled:
            for network in (self.teacher, self.student, self.fake):
                network.compile_blocks()
        # The text branch stays the teacher's: it is run once for all four networks' calls.
        for network in (self.student, self.fake):
            for name, parameter in network.named_parameters():
                parameter.requires_grad_(not name.startswith(("context_refiner.", "cap_embedder.", "cap_pad_token")))
        self.optimizer = Optimizer({"student": self.student}, c["muon_lr"], c["lr"], betas=(0.5, 0.98))
        self.fake_optimizer = Optimizer({"fake": self.fake}, c["fake_muon_lr"], c["fake_lr"], betas=(0.5, 0.98))
        self.average = Average(self.student, c["ema"])
        self.rng, self.rng_cpu = generator(seed, self.device), generator(seed + 1)
        self.levels = sampler.sigmas(c["evaluations"], self.shift).to(self.device)
        self.rollouts, self.weights = self.make_rollouts()
        with torch.no_grad(), autocast(self.device):
            ids, lengths = pool.empty(2)  # two, since the compiler takes a size of one for a case of its own
            self.empty = self.teacher.embed_text(self.encoder(ids), lengths)[:1]

    def make_rollouts(self) -> tuple[list, torch.Tensor]:
        rollouts, weights = [], []
        for bucket in self.pool.buckets:
            group = (bucket.lengths + 31) // 32
            for g in group.unique().tolist():
                members = (group == g).nonzero()
                if len(members) < max(2, 0.01 * self.pool.total):
                    continue
                shape = (16, bucket.height // 8, bucket.width // 8)
                rollouts.append(Rollout(bucket, g * 32, members, self.c["batch"], shape, self.c["evaluations"], self.rng))
                weights.append(float(len(members)))
        return rollouts, torch.tensor(weights)

    def velocity(self, network, x: torch.Tensor, level: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        with autocast(self.device):
            return network(x, 1 - level, text).float()

    def noised(self, x: torch.Tensor, level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x mixed with fresh noise to the level, and that noise."""
        noise = torch.randn(x.shape, generator=self.rng, device=self.device)
        mix = level[:, None, None, None]
        return (1 - mix) * x + mix * noise, noise

    def uniform(self, count: int) -> torch.Tensor:
        return torch.rand(count, generator=self.rng, device=self.device)

    def term(self, x: torch.Tensor, level: torch.Tensor, text: torch.Tensor, against) -> torch.Tensor:
        """level * (teacher - against) in the space of pictures, in units of the teacher's distance from x."""
        xt, _ = self.noised(x, level)
        mix = level[:, None, None, None]
        real = self.velocity(self.teacher, xt, level, text)
        other = against(xt, level)
        distance = (x - (xt + mix * real)).abs().mean((1, 2, 3), keepdim=True)
        return mix * (real - other) / distance.clamp_min(self.c["floor"])

    @torch.no_grad()
    def direction(self, x: torch.Tensor, level: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor, dict]:
        """Where the predicted picture x is to move, per element, and the sizes of the two terms."""
        c, b = self.c, len(x)
        move, sizes = torch.zeros_like(x), {}
        if c["ca"]:
            empty = self.empty.expand(b, -1, -1)
            tau = level * self.uniform(b).clamp(0.02, 0.98)
            term = self.term(x, tau, text, lambda xt, at: self.velocity(self.teacher, xt, at, empty))
            move += (c["alpha"] - 1) * term
            sizes["ca"] = (c["alpha"] - 1) * term.abs().mean()
        if c["dm"]:
            tau = self.uniform(b).clamp(0.02, 0.98)
            term = self.term(x, tau, text, lambda xt, at: self.velocity(self.fake, xt, at, text))
            move += term
            sizes["dm"] = term.abs().mean()
        return move, sizes

    def fake_step(self, x: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Flow matching of the fake network on the generator's pictures."""
        level = flow.noise_levels(len(x), 1.5, 0.0, self.rng, self.device)
        xt, noise = self.noised(x, level)
        loss = (self.velocity(self.fake, xt, level, text) - (x - noise)).pow(2).mean()
        loss.backward()
        self.fake_optimizer.step()
        return loss

    def data_loss(self, rollout: Rollout, level: torch.Tensor, text: torch.Tensor, latents: list) -> torch.Tensor:
        """Flow matching of the generator on true posters at its own noise levels; an optional anchor."""
        x = latents[self.pool.buckets.index(rollout.bucket)][rollout.items].float()
        xt, noise = self.noised(x, level)
        return (self.velocity(self.student, xt, level, text) - (x - noise)).pow(2).mean()

    def step(self, number: int, progress: float, latents: list | None) -> dict:
        c = self.c
        choice = int(torch.multinomial(self.weights, 1, generator=self.rng_cpu))
        r = self.rollouts[choice]
        level, following = self.levels[r.index], self.levels[r.index + 1]
        with torch.no_grad(), autocast(self.device):
            ids, lengths = r.bucket.caption(r.items, r.pick, None, r.length)
            text = self.teacher.embed_text(self.encoder(ids), lengths)
        rise = min(1.0, max(0.0, (number - c["fake_warmup"]) / max(1, c["warmup"])))
        trained = rise > 0
        with torch.set_grad_enabled(trained):
            v = self.velocity(self.student, r.x, level, text)
            x = r.x + level[:, None, None, None] * v
        values = {}
        if trained:
            move, values = self.direction(x.detach(), level, text)
            loss = -(x * move).mean()
            values["loss"] = loss.detach()
            if c["data_weight"] and latents is not None:
                loss = loss + c["data_weight"] * self.data_loss(r, level, text, latents)
            loss.backward()
            scale = rise * min(1.0, 2 * (1 - progress))
            self.optimizer.lr(scale)
            self.optimizer.step()
            self.average.update()
        if c["dm"]:
            values["fake"] = self.fake_step(x.detach(), text).detach()
        values["deviation"] = x.detach().std()
        r.advance(r.x + (level - following)[:, None, None, None] * v.detach())
        return values

    def run(self, name: str, steps: int, seconds: float, out: pathlib.Path, latents: list | None = None, probe=None,
            snapshots: tuple = ()) -> dict:
        """Trains; returns the averaged weights after each of `snapshots` and at the end ("last"). Numbers that are not finite, or outputs
        whose spread has doubled, stop it; then "last" is the last average that was good."""
        clock = Clock(steps, seconds)
        log = store.Log(out / "log" / f"{name}.jsonl", name)
        kept, good, first = {}, self.average.state(), None
        while (progress := clock.progress()) < 1:
            values = self.step(clock.step, progress, latents)
            log.add(self.c["batch"])
            clock.step += 1
            if log.due() or clock.step == 1 or clock.step % 25 == 0:
                numbers = {key: float(value) for key, value in values.items()}
                first = first or numbers["deviation"]
                if not all(math.isfinite(value) for value in numbers.values()) or numbers["deviation"] > 2 * first:
                    log.line(step=clock.step, stopped=True, **numbers)
                    self.average.restore(good)
                    break
                if clock.step % 25 == 0:
                    good = self.average.state()
                if log.due() or clock.step == 1:
                    log.line(step=clock.step, progress=progress, **numbers)
            if clock.step in snapshots:
                kept[clock.step] = self.average.state()
        kept["last"] = self.average.state()
        log.line(step=clock.step, finished=True)
        if probe:
            with self.average.swapped():
                log.line(step=clock.step, **probe(self.encoder, self.student))
        return kept
