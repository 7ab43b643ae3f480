"""Samples on the held-out captions, and what the checker reads in them."""

import pathlib

import torch

from . import data_build, dit, encoder, flow, sampler, store, train_vae
from .ops import autocast, generator


class Heldout:
    """The first `count` held-out captions, their scenes and fixed noise, grouped by canvas and padded length."""

    def __init__(self, config: dict, out: pathlib.Path, device, count: int):
        self.device, self.batch = torch.device(device), config["evaluate"]["batch"]
        self.scenes = data_build.heldout(out, count)
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
        pictures: list = [None] * len(self.scenes)
        for (_, _, length), members in self.groups.items():
            for start in range(0, len(members), self.batch):
                part = members[start : start + self.batch]
                ids = self.ids[part][:, :length].to(self.device)
                noise = torch.stack([self.noise[i] for i in part]).to(self.device)
                with autocast(self.device):
                    text = transformer.embed_text(text_encoder(ids), self.lengths[part].to(self.device))
                    negative = self.negative(text_encoder, transformer, len(part)) if guidance > 0 else None
                latents = sampler.sample(transformer, noise, text, steps, shift, guidance, negative)
                with autocast(self.device):
                    z = self.vae.unscale(latents).contiguous(memory_format=torch.channels_last)
                    pixels = self.vae.decode(z).float().clamp(-1, 1)
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
        self.heldout = Heldout(config, out, device, min(count, config["evaluate"]["count"]))
        self.plain = dit.Transformer(config["transformer"]).to(device).eval().requires_grad_(False)

    def few(self, text_encoder, transformer) -> dict:
        self.plain.load_state_dict(transformer.state_dict())
        return self.heldout.score(text_encoder, self.plain, self.config["evaluate"]["steps"], self.config["shift"], 0.0)[0]

    def guided(self, text_encoder, transformer) -> dict:
        e = self.config["evaluate"]
        result = {f"few_{key}": value for key, value in self.few(text_encoder, transformer).items()}
        return {**self.heldout.score(text_encoder, self.plain, e["base_steps"], self.config["shift"], e["guidance"])[0], **result}


def table(config: dict, out: pathlib.Path, device, vocabulary: int) -> None:
    """Base with several guidances, plain few-step base, nano, and the ablation's networks; as JSON, and contact sheets."""
    e = config["evaluate"]
    heldout = Heldout(config, out, device, e["count"])
    text_encoder, base = flow.load_base(config, out / "flow_native.pt", vocabulary, device)
    rows, sheets = {}, {}

    def row(name: str, transformer, steps: int, guidance: float) -> None:
        scores, pictures = heldout.score(text_encoder, transformer, steps, config["shift"], guidance)
        rows[name] = {"evaluations": steps, "guidance": guidance, **scores}
        sheets[name] = pictures
        print(f"[evaluate] {name:24} " + " ".join(f"{k}={v:.4f}" if isinstance(v, float) else f"{k}={v}" for k, v in rows[name].items()),
              flush=True)

    for guidance in e["guidances"]:
        row(f"base {e['base_steps']} g{guidance:g}", base, e["base_steps"], guidance)
    row(f"base plain {e['steps']}", base, e["steps"], 0.0)
    student = dit.Transformer(config["transformer"]).to(device).eval().requires_grad_(False)
    student.load_state_dict(store.load_state(out / "distill.pt", device)["last"])
    row("nano", student, e["steps"], 0.0)
    if (out / "ablation.pt").exists():
        for name, state in store.load_state(out / "ablation.pt", device).items():
            student.load_state_dict(state)
            row(f"ablation {name}", student, e["steps"], 0.0)
    store.write_json(out / "result" / "evaluation.json", rows)
    for name, pictures in sheets.items():
        if name == "nano" or name.startswith(f"base {e['base_steps']} g{e['guidance']:g}") or "ablation" in name or "plain" in name:
            contact_sheet(pictures, out / "result" / (name.replace(" ", "_") + ".png"))


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
