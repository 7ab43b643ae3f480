"""Samples on the held-out captions, and what the checker reads in them."""

import pathlib
import time

import torch

from poster import check as checker
from poster import render
from poster.heldout import SIZES

from . import data_build, dit, export, flow, sampler, store, train_vae
from .ops import autocast, generator


class Heldout:
    """Held-out captions, their scenes and fixed noise, grouped by canvas and padded length."""

    def __init__(self, config: dict, out: pathlib.Path, device, count: int, validation: bool = False, scenes: list[dict] | None = None):
        self.device, self.batch = torch.device(device), config["evaluate"]["batch"]
        self.scenes = scenes or data_build.heldout(out, count, validation)
        ids, lengths, empty = data_build.encode(out, [scene["caption"] for scene in self.scenes])
        self.ids, self.lengths, self.empty = ids, lengths, empty
        rng = generator(20_000)
        self.noise = [torch.randn(16, s["height"] // 8, s["width"] // 8, generator=rng) for s in self.scenes]
        groups: dict = {}
        for i, scene in enumerate(self.scenes):
            groups.setdefault((scene["width"], scene["height"], dit.padded(int(self.lengths[i]))), []).append(i)
        self.groups = groups
        self.vae = train_vae.load(out, device)

    @torch.no_grad()
    def draw(self, text_encoder, transformer, steps: int, shift: float, guidance: float) -> list[torch.Tensor]:
        """One picture (3, height, width) in [-1, 1] per caption."""
        latents: list = [None] * len(self.scenes)
        for (_, _, length), members in self.groups.items():
            for start in range(0, len(members), self.batch):
                part = members[start : start + self.batch]
                ids = self.ids[part][:, :length].to(self.device)
                noise = torch.stack([self.noise[i] for i in part]).to(self.device)
                with autocast(self.device):
                    text = transformer.embed_text(text_encoder(ids), self.lengths[part].to(self.device))
                    negative = self.negative(text_encoder, transformer, len(part)) if guidance > 0 else None
                for i, x in zip(part, sampler.sample(transformer, noise, text, steps, shift, guidance, negative)):
                    latents[i] = x
        return self.decode(latents)

    def decode(self, latents: list[torch.Tensor], batch: int = 40) -> list[torch.Tensor]:
        """In batches of one size, so that the compiler and cuDNN meet one shape only."""
        pictures: list = [None] * len(latents)
        canvases: dict = {}
        for i, x in enumerate(latents):
            canvases.setdefault(tuple(x.shape), []).append(i)
        for members in canvases.values():
            for start in range(0, len(members), batch):
                part = members[start : start + batch]
                full = part + [part[-1]] * (batch - len(part) if len(members) > batch else 0)
                z = self.vae.unscale(torch.stack([latents[i] for i in full]))
                with autocast(self.device):
                    pixels = self.vae.decode(z.contiguous(memory_format=torch.channels_last)).float().clamp(-1, 1)
                for i, picture in zip(part, pixels):
                    pictures[i] = picture
        return pictures

    def negative(self, text_encoder, transformer, count: int) -> torch.Tensor:
        ids = torch.zeros(1, dit.padded(len(self.empty)), dtype=torch.long, device=self.device)
        ids[0, : len(self.empty)] = self.empty.to(self.device)
        text = transformer.embed_text(text_encoder(ids), torch.tensor([len(self.empty)], device=self.device))
        return text.expand(count, -1, -1)

    def score(self, *arguments) -> tuple[dict, list]:
        pictures = self.draw(*arguments)
        return data_build.check(self.scenes, pictures), pictures


class Probe:
    """Scores a network that is being trained, through a copy that was never compiled."""

    def __init__(self, config: dict, out: pathlib.Path, device, count: int):
        self.config = config
        self.heldout = Heldout(config, out, device, min(count, config["evaluate"]["count"]), True)
        self.plain = dit.Transformer(config["transformer"]).to(device).eval().requires_grad_(False)

    def few(self, text_encoder, transformer, guidance: float = 0.0) -> dict:
        self.plain.load_state_dict(transformer.state_dict())
        return self.heldout.score(text_encoder, self.plain, self.config["evaluate"]["steps"], self.config["shift"], guidance)[0]

    def guided(self, text_encoder, transformer) -> dict:
        return self.few(text_encoder, transformer, self.config["evaluate"]["guidance"])


class Validation(Probe):
    """Scores a distilled network on more captions, to choose by."""

    def __init__(self, config: dict, out: pathlib.Path, device, text_encoder):
        super().__init__(config, out, device, config["evaluate"]["validation"])
        self.text_encoder = text_encoder

    def score(self, state: dict) -> dict:
        self.plain.load_state_dict(state)
        found = self.heldout.score(self.text_encoder, self.plain, self.config["evaluate"]["steps"], self.config["shift"], 0.0)[0]
        return {**found, "score": (found["attributes"] + found["characters"]) / 2}


@torch.no_grad()
def ceiling(config: dict, out: pathlib.Path, device) -> dict:
    """What the checker reads in the VAE's copies of true posters: no transformer on it can score better."""
    heldout = Heldout(config, out, device, min(config["evaluate"]["validation"], config["evaluate"]["count"]), True)
    packed, _ = checker.batch(heldout.scenes, heldout.device)
    truth = render.render(packed, None, 256, 256, torch.arange(len(heldout.scenes), device=heldout.device))
    copies = []
    for part in truth.split(40):
        with autocast(heldout.device):
            mean, _ = heldout.vae.encode(part.contiguous(memory_format=torch.channels_last))
            copies.extend(heldout.vae.decode(mean.contiguous(memory_format=torch.channels_last)).float().clamp(-1, 1))
    scores = data_build.check(heldout.scenes, copies)
    store.write_json(out / "result" / "vae.json", scores)
    contact_sheet(copies, out / "result" / "vae.png")
    print("[vae] checker on copies: " + " ".join(f"{k}={v:.4f}" for k, v in scores.items()), flush=True)
    return scores


class Table:
    """Rows of scores, one a network and way of sampling; every row is on disk before the next is drawn."""

    def __init__(self, config: dict, out: pathlib.Path, device, vocabulary: int, file: str):
        self.config, self.out, self.device, self.file = config, out, device, file
        self.heldout = Heldout(config, out, device, config["evaluate"]["count"])
        self.text_encoder, self.base = flow.load_base(config, out / "flow_native.pt", vocabulary, device)
        self.base.requires_grad_(False)
        self.student = dit.Transformer(config["transformer"]).to(device).eval().requires_grad_(False)
        self.rows: dict = {}

    def row(self, name: str, transformer, steps: int, guidance: float) -> dict:
        start = time.monotonic()
        scores, pictures = self.heldout.score(self.text_encoder, transformer, steps, self.config["shift"], guidance)
        self.rows[name] = {"captions": len(pictures), "evaluations": steps, "guidance": guidance, **scores}
        store.write_json(self.out / "result" / self.file, self.rows)
        shown = " ".join(f"{k}={v:.4f}" if isinstance(v, float) else f"{k}={v}" for k, v in self.rows[name].items())
        print(f"[evaluate] {name:24} {shown} ({time.monotonic() - start:.1f} s)", flush=True)
        contact_sheet(pictures, self.out / "result" / (name.replace(" ", "_") + ".png"))
        return scores

    def distilled(self, name: str, state: dict) -> dict:
        self.student.load_state_dict(state)
        return self.row(name, self.student, self.config["evaluate"]["steps"], 0.0)


def table(config: dict, out: pathlib.Path, device, vocabulary: int, late=lambda: False, between=lambda: None) -> None:
    """nano; the base with its best guidance, found on a few captions; its plain few steps; then, while there is time, nano after either
    phase, `between`, and the base with the other guidances."""
    e = config["evaluate"]
    rows = Table(config, out, device, vocabulary, "evaluation.json")
    if (out / "distill.pt").exists():
        states = store.load_state(out / "distill.pt", device)
        rows.distilled("nano", states["last"])
    guidance = e["guidance"]
    if len(e["guidances"]) > 1 and not late():
        probe, found = Heldout(config, out, device, min(e["validation"], e["count"]), True), {}
        for g in e["guidances"]:
            scores = probe.score(rows.text_encoder, rows.base, e["base_steps"] // 2, config["shift"], g)[0]
            found[g] = scores["attributes"] + scores["characters"]
            print(f"[evaluate] guidance {g:g}: {found[g] / 2:.4f}", flush=True)
        guidance = max(found, key=found.get)
        export.base_index(config, out, guidance)
    rows.row(f"base {e['base_steps']} g{guidance:g}", rows.base, e["base_steps"], guidance)
    rows.row(f"base plain {e['steps']}", rows.base, e["steps"], 0.0)
    for name in ("guided", "end"):
        if (out / "distill.pt").exists() and name in states and not late():
            rows.distilled(f"nano {name}", states[name])
    between()
    for g in (0.0, *e["guidances"]):
        if g != guidance and not late():
            rows.row(f"base {e['base_steps']} g{g:g}", rows.base, e["base_steps"], g)


def sizes(config: dict, out: pathlib.Path, device, vocabulary: int, late=lambda: False) -> None:
    """nano on other canvases: some of the training, and some that are not among them."""
    rows, state = Table(config, out, device, vocabulary, "sizes.json"), store.load_state(out / "distill.pt", device)["last"]
    for width, height in SIZES:
        if late():
            return
        scenes = data_build.sized(out, width, height, config["evaluate"]["sized"])
        rows.heldout = Heldout(config, out, device, len(scenes), scenes=scenes)
        rows.distilled(f"nano {width}x{height}", state)


def contact_sheet(pictures: list[torch.Tensor], path: pathlib.Path, columns: int = 10, rows: int = 6) -> None:
    from PIL import Image

    step = max(1, len(pictures) // (columns * rows))
    chosen = pictures[::step][: columns * rows]
    side = 160
    sheet = Image.new("RGB", (columns * side, -(-len(chosen) // columns) * side), (40, 40, 40))
    for i, picture in enumerate(chosen):
        levels = (picture / 2 + 0.5).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
        image = Image.fromarray(levels)
        image.thumbnail((side - 4, side - 4), Image.LANCZOS)
        sheet.paste(image, (i % columns * side + 2, i // columns * side + 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
