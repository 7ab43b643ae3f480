"""The base becomes a generator of eight evaluations without guidance, in two phases.

First the guided phase, a regression: from where the generator itself has come to, the frozen teacher with guidance goes on to the
generator's next noise level in a few small steps, and the generator learns to get there in one.

Then decoupled DMD. Two terms push the generator's predicted picture x. Guidance augmentation (CA) is the engine: (alpha - 1) times the frozen
teacher's conditional minus its unconditional prediction, at noise levels that the generator's current step has not settled yet.
Distribution matching (DM) is the regulariser: the teacher's conditional prediction minus that of a `fake` network that follows
the generator's outputs, at all noise levels. The two draw their noise levels independently.

Backward simulation costs nothing extra: each item of the rolling batch stands at its own step of the sampler's schedule, and the
generator's evaluation that is trained also moves the item to its next step. Every `guided_every`-th step stays one of the guided
phase's, which keeps a small network from drifting."""

import copy
import math
import pathlib

import torch

from . import flow, sampler, store
from .graphs import Graphs
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
    def __init__(self, config: dict, pool, base: tuple, seed: int, compiled: bool, **changes):
        """`changes` replaces settings, for the ablation."""
        c = self.c = {**config["distill"], **changes}
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
        self.graphs = Graphs(c["graphs"], self.device, 2)
        self.average = Average(self.student, c["ema"])
        self.rng, self.rng_cpu = generator(seed, self.device), generator(seed + 1)
        self.levels = sampler.sigmas(c["evaluations"], self.shift).to(self.device)
        fine = sampler.sigmas(c["evaluations"] * c["substeps"], self.shift)
        between = torch.arange(c["evaluations"])[:, None] * c["substeps"] + torch.arange(c["substeps"] + 1)
        self.between = fine[between].to(self.device)  # (evaluations, substeps + 1): the teacher's levels inside each step
        self.between[:, 0], self.between[:, -1] = self.levels[:-1], self.levels[1:]
        self.rollouts, self.weights = self.make_rollouts()
        small = {id(bucket) for bucket in pool.buckets[: c["dmd_canvases"]]}
        self.dmd_weights = self.weights * torch.tensor([float(id(r.bucket) in small) for r in self.rollouts])
        with torch.no_grad(), autocast(self.device):
            ids, lengths = pool.empty(2)  # two, since the compiler takes a size of one for a case of its own
            self.empty = self.teacher.embed_text(self.encoder(ids), lengths)[:1]

    def make_rollouts(self) -> tuple[list, torch.Tensor]:
        """One for each padded length of the native canvas, and one for each of the first other canvases: that of its most common length.
        The others weigh as much together as all others of the pool."""
        rollouts, weights = [], []
        native, *others = self.pool.buckets
        chosen = others[: self.c["canvases"] - 1]
        more = sum(bucket.count for bucket in others) / max(1, sum(bucket.count for bucket in chosen))
        for bucket in (native, *chosen):
            group = (bucket.lengths + 31) // 32
            lengths = sorted(group.unique().tolist(), key=lambda g: -int((group == g).sum()))
            for g in lengths if bucket is native else lengths[:1]:
                members = (group == g).nonzero()
                if len(members) < 2 or bucket is native and len(members) < 0.01 * self.pool.total:
                    continue
                shape = (16, bucket.height // 8, bucket.width // 8)
                rollouts.append(Rollout(bucket, g * 32, members, bucket.batch(self.c["batch"]), shape, self.c["evaluations"], self.rng))
                weights.append(float(len(members)) / len(rollouts[-1].x) * (1.0 if bucket is native else more))
        return rollouts, torch.tensor(weights)

    def velocity(self, network, x: torch.Tensor, level: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        with autocast(self.device):
            return network(x, 1 - level, text).float()

    def mixed(self, x: torch.Tensor, level: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        mix = level[:, None, None, None]
        return (1 - mix) * x + mix * noise

    def term(self, x: torch.Tensor, level: torch.Tensor, noise: torch.Tensor, text: torch.Tensor, against) -> torch.Tensor:
        """level * (teacher - against) in the space of pictures, in units of the teacher's distance from x."""
        xt, mix = self.mixed(x, level, noise), level[:, None, None, None]
        real = self.velocity(self.teacher, xt, level, text)
        other = against(xt, level)
        distance = (x - (xt + mix * real)).abs().mean((1, 2, 3), keepdim=True)
        return mix * (real - other) / distance.clamp_min(self.c["floor"])

    @torch.no_grad()
    def direction(self, x: torch.Tensor, level: torch.Tensor, text: torch.Tensor, inputs: dict) -> tuple[torch.Tensor, dict]:
        """Where the predicted picture x is to move, per element, and the sizes of the two terms."""
        c, move, sizes = self.c, torch.zeros_like(x), {}
        if c["ca"]:
            empty = self.empty.expand(len(x), -1, -1)
            tau = level * inputs["u_ca"].clamp(0.02, 0.98)
            term = self.term(x, tau, inputs["noise_ca"], text, lambda xt, at: self.velocity(self.teacher, xt, at, empty))
            move = move + (c["alpha"] - 1) * term
            sizes["ca"] = (c["alpha"] - 1) * term.abs().mean()
        if c["dm"]:
            tau = inputs["u_dm"].clamp(0.02, 0.98)
            term = self.term(x, tau, inputs["noise_dm"], text, lambda xt, at: self.velocity(self.fake, xt, at, text))
            move = move + term
            sizes["dm"] = term.abs().mean()
        return move, sizes

    @torch.no_grad()
    def guided(self, x: torch.Tensor, index: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """The mean velocity of the teacher with guidance from each item's level to its next, in `substeps` Euler steps."""
        levels, empty, start = self.between[index], self.empty.expand(len(x), -1, -1), x
        for i in range(self.c["substeps"]):
            v = self.velocity(self.teacher, x, levels[:, i], text)
            v = v + self.c["guidance"] * (v - self.velocity(self.teacher, x, levels[:, i], empty))
            x = x + (levels[:, i] - levels[:, i + 1])[:, None, None, None] * v
        return (x - start) / (levels[:, 0] - levels[:, -1])[:, None, None, None]

    def text(self, r: Rollout, items: torch.Tensor, pick: torch.Tensor) -> torch.Tensor:
        """The rollout's captions, through the text branch."""
        ids, lengths = r.bucket.caption(items, pick, None, r.length)
        with torch.no_grad(), autocast(self.device):
            return self.teacher.embed_text(self.encoder(ids), lengths)

    @torch.no_grad()
    def settle(self) -> None:
        """Takes every item from its noise to the step at which it starts, by the student as it is. Otherwise the first round of each rollout,
        hundreds of steps with many canvases, would train on noise where half-drawn pictures belong."""
        for r in self.rollouts:
            text = self.text(r, r.items, r.pick)
            for i in range(self.c["evaluations"] - 1):
                v = self.velocity(self.student, r.x, self.levels[i].expand(len(r.x)), text)
                r.x = torch.where((r.index > i)[:, None, None, None], r.x + (self.levels[i] - self.levels[i + 1]) * v, r.x)

    def fake_update(self, x: torch.Tensor, text: torch.Tensor, inputs: dict) -> torch.Tensor:
        """Flow matching of the fake network on the generator's pictures."""
        xt = self.mixed(x, inputs["level_fake"], inputs["noise_fake"])
        loss = (self.velocity(self.fake, xt, inputs["level_fake"], text) - (x - inputs["noise_fake"])).pow(2).mean()
        loss.backward()
        self.fake_optimizer.step()
        return loss.detach()

    def update(self, r: Rollout, kind: str, inputs: dict) -> dict:
        """One step of `kind`: "guided", "follow" (guided, and the fake network follows), "dmd", or "fake" (the fake network only). Free of
        transfers and random numbers, so that it can be captured. "next" is where the items of the rollout are then."""
        self.optimizer.clear()
        self.fake_optimizer.clear()
        index = inputs["index"]
        level, following = self.levels[index], self.levels[index + 1]
        text = self.text(r, inputs["items"], inputs["pick"])
        with torch.set_grad_enabled(kind != "fake"):
            v = self.velocity(self.student, inputs["x"], level, text)
            x = inputs["x"] + level[:, None, None, None] * v
        values, picture = {}, x.detach()
        if kind in ("guided", "follow"):
            error = (v - self.guided(inputs["x"], index, text)).pow(2).mean(1)
            loss = r.bucket.mean_error(error, inputs["items"], self.c["text_weight"], self.c["shape_weight"])
            values["guided"] = loss.detach()
        elif kind == "dmd":
            move, values = self.direction(picture, level, text, inputs)
            loss = -(x * move).mean()
            values["loss"] = loss.detach()
        if kind != "fake":
            loss.backward()
            self.optimizer.step()
        if kind != "guided" and self.c["dm"]:
            values["fake"] = self.fake_update(picture, text, inputs)
        values["deviation"] = picture.std()
        values["next"] = inputs["x"] + (level - following)[:, None, None, None] * v.detach()
        return values

    def step(self, kind: str, rate: float) -> dict:
        """Draws what is random, makes one step, and moves the rollout on."""
        choice = int(torch.multinomial(self.weights if kind == "guided" else self.dmd_weights, 1, generator=self.rng_cpu))
        r = self.rollouts[choice]
        count, normal = len(r.x), lambda: torch.randn(r.x.shape, generator=self.rng, device=self.device)
        inputs = {"x": r.x, "index": r.index, "items": r.items, "pick": r.pick}
        if kind != "guided":
            inputs.update(level_fake=flow.noise_levels(count, 1.5, 0.0, self.rng, self.device), noise_fake=normal())
        if kind == "dmd":
            inputs.update(noise_ca=normal(), noise_dm=normal(), **{
                name: torch.rand(count, generator=self.rng, device=self.device) for name in ("u_ca", "u_dm")})
        self.optimizer.lr(rate)
        values = dict(self.graphs((kind, choice), lambda x: self.update(r, kind, x), inputs))
        if kind != "fake":
            self.average.update()
        r.advance(values.pop("next"))
        return {**values, "items": count}

    def plan(self, number: int, progress: float, first_dmd: int | None) -> tuple[str, float]:
        """The kind of a step, and the factor of the learning rates. DMD begins with steps of the fake network alone."""
        c = self.c
        if first_dmd is None:
            share = progress / max(c["guided_share"], 1e-6)
            return "guided", min(1.0, (number + 1) / max(1, c["warmup"])) * (1 - share * (1 - c["dmd_rate"]))
        done = number - first_dmd
        if c["dm"] and done < c["fake_warmup"]:
            return "fake", 0.0
        rise = min(1.0, (done - c["fake_warmup"] * c["dm"] + 1) / max(1, c["warmup"]))
        rest = (1 - progress) / max(1e-6, 1 - c["guided_share"])
        kind = ("follow" if c["dm"] else "guided") if c["guided_every"] and done % c["guided_every"] == 0 else "dmd"
        return kind, rise * c["dmd_rate"] * min(1.0, 1.5 * rest)

    def run(self, name: str, steps: int, seconds: float, out: pathlib.Path) -> dict:
        """Trains; returns the averaged weights at the end of the guided phase ("guided") and at the end ("last"). Numbers that are not
        finite stop it, and with `guard` outputs that spread far beyond the data's deviation of 1; then "last" is the last good average."""
        log = store.Log(out / "log" / f"{name}.jsonl", name)
        with self.graphs.stage():
            kept = self._run(log, steps, seconds)
        self.graphs.clear()
        return kept

    def _run(self, log, steps: int, seconds: float) -> dict:
        self.settle()
        clock, kept, good, first_dmd = Clock(steps, seconds), {}, self.average.state(), None
        recent: dict = {}
        while (progress := clock.progress()) < 1:
            if first_dmd is None and progress >= self.c["guided_share"]:
                first_dmd = clock.step
                kept["guided"] = self.average.state()
            kind, rate = self.plan(clock.step, progress, first_dmd)
            # Cloned: graphs share their memory, and the next replay of another one may write there.
            recent.update({key: value.clone() if isinstance(value, torch.Tensor) else value for key, value in self.step(kind, rate).items()})
            log.add(int(recent.pop("items")))
            clock.step += 1
            if log.due() or clock.step == 1 or clock.step % 25 == 0:
                numbers = {key: float(value) for key, value in recent.items()}
                if not all(map(math.isfinite, numbers.values())) or (self.c["guard"] and numbers["deviation"] > 1.6):
                    log.line(step=clock.step, stopped=True, **numbers)
                    self.average.restore(good)
                    break
                if clock.step % 25 == 0:
                    good = self.average.state()
                if log.due() or clock.step == 1:
                    log.line(step=clock.step, progress=progress, kind=kind, rate=rate, **numbers)
        kept["last"] = self.average.state()
        log.line(step=clock.step, finished=True)
        return kept
