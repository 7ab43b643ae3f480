"""The training pool on the device: packed scenes, token ids of their captions, and what the auxiliary heads are to read."""

import pathlib

import torch

from poster import render, vocabulary

from . import dit, store


class Bucket:
    """Scenes of one canvas size. tokens (scenes, captions, length) int16; lengths (scenes, captions)."""

    def __init__(self, pool, width: int, height: int, packed: dict, tokens: torch.Tensor, lengths: torch.Tensor):
        self.pool, self.width, self.height, self.device = pool, width, height, pool.device
        self.packed = {key: value.to(pool.device) for key, value in packed.items()}
        self.tokens, self.lengths, self.lengths_cpu = tokens.to(pool.device), lengths.to(pool.device), lengths.long().cpu()
        self.count = len(tokens)
        chars = self.packed["text_chars"].long()
        self.pitch = torch.where(chars < 0, 0.0, torch.where(chars < len(vocabulary.LATIN), vocabulary.LATIN_PITCH, 1.0))
        self.has_text = chars[:, 0] >= 0

    def batch(self, size: int) -> int:
        """Items that are as much work as `size` of the native canvas. From 64 on a multiple of 8 but not of 32, as numbers of tokens are: the
        compiler takes equal numbers for the same thing."""
        share = size * 256 * 256 / (self.width * self.height)
        if size < 64:
            return max(1, round(share))
        count = max(1, round(share / 8)) * 8
        return count + 8 if count % 32 == 0 else count

    def keep(self, count: int) -> None:
        """Drops all scenes but the first `count`."""
        self.packed = {key: value[:count] for key, value in self.packed.items()}
        self.tokens, self.lengths, self.lengths_cpu = self.tokens[:count], self.lengths[:count], self.lengths_cpu[:count]
        self.pitch, self.has_text, self.count = self.pitch[:count], self.has_text[:count], min(count, self.count)

    def render(self, index: torch.Tensor, width: int, height: int, rng: torch.Generator) -> torch.Tensor:
        """Pictures in [-1, 1] with fresh jitter."""
        seeds = torch.randint(2**62, (len(index),), generator=rng, device=self.device)
        return render.render(self.packed, index, height, width, seeds)

    def caption(self, items: torch.Tensor, pick: torch.Tensor, dropped: torch.Tensor | None, length: int):
        """Token ids (batch, length) and true lengths; the empty caption where the text is dropped."""
        ids, lengths = self.tokens[items, pick, :length].long(), self.lengths[items, pick].long()
        if dropped is not None:
            empty, count = self.pool.empty(1, length)
            ids = torch.where(dropped[:, None], empty, ids)
            lengths = torch.where(dropped, count, lengths)
        return ids, lengths

    def text_box(self, index: torch.Tensor):
        """x, y, height in units of the shorter side, and the ends of the characters, (batch, 8) each, of the line of text."""
        xyh, pitch = self.packed["text_xyh"][index], self.pitch[index]
        short = min(self.width, self.height)
        x, y, h = xyh[:, 0] * self.width / short, xyh[:, 1] * self.height / short, xyh[:, 2]
        ends = x[:, None] - (h * pitch.sum(1) / 2)[:, None] + h[:, None] * pitch.cumsum(1)
        return y, h, ends - h[:, None] * pitch, ends

    def text_center(self, index: torch.Tensor) -> torch.Tensor:
        """x and y in [0, 1]; y is -1 where there is no text."""
        center = self.packed["text_xyh"][index, :2].clone()
        center[:, 1] = torch.where(self.has_text[index], center[:, 1], torch.full_like(center[:, 1], -1.0))
        return center

    def grid(self, rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Centres of the cells of a grid over the canvas, in units of the shorter side."""
        short = min(self.width, self.height)
        y = (torch.arange(rows, device=self.device) + 0.5) / rows * self.height / short
        x = (torch.arange(columns, device=self.device) + 0.5) / columns * self.width / short
        return x, y

    def text_mask(self, index: torch.Tensor, rows: int, columns: int, grow: float = 0.0) -> torch.Tensor:
        """(batch, rows, columns) float: 1 in the line of text, grown by a length."""
        x, y = self.grid(rows, columns)
        middle, h, starts, ends = self.text_box(index)
        inside_y = (y[None] - middle[:, None]).abs() <= h[:, None] / 2 + grow
        inside_x = (x[None] >= starts[:, :1] - grow) & (x[None] <= ends[:, -1:] + grow)
        return (inside_y[:, :, None] & inside_x[:, None] & self.has_text[index][:, None, None]).float()

    def near_shapes(self, index: torch.Tensor, rows: int, columns: int, reach: float) -> torch.Tensor:
        """(batch, slots, rows, columns) bool: within `reach` radii of the slot's shape."""
        x, y = self.grid(rows, columns)
        short, shape = min(self.width, self.height), self.packed["shape_xyr"][index][..., None, None]
        sx, sy, r = shape[:, :, 0] * self.width / short, shape[:, :, 1] * self.height / short, shape[:, :, 2]
        near = (x[None, None, None] - sx) ** 2 + (y[None, None, :, None] - sy) ** 2 < (reach * r) ** 2
        return near & (self.packed["shape_kind"][index] >= 0)[..., None, None]

    def mean_error(self, error: torch.Tensor, index: torch.Tensor, text: float, shape: float) -> torch.Tensor:
        """Mean of the squared errors (batch, h, w) of latents. An image token (2 by 2 of them) counts 1, more by `text` in the line of text,
        and by `shape` about shapes with their edges."""
        rows, columns = error.shape[1] // 2, error.shape[2] // 2
        weight = 1 + text * self.text_mask(index, rows, columns, 0.5 / rows)
        weight = (weight + shape * self.near_shapes(index, rows, columns, 1.3).any(1).float())[:, :, None, :, None]
        return (error.view(-1, rows, 2, columns, 2) * weight).sum() / (4 * weight.sum())

    def labels(self, index: torch.Tensor, rows: int, columns: int) -> list[torch.Tensor]:
        """Per image token: glyph, shape kind and shape colour (0: none)."""
        x, y = self.grid(rows, columns)
        middle, h, starts, ends = self.text_box(index)
        b = len(index)
        chars = self.packed["text_chars"][index].long()
        inside = (x[None, None] >= starts[..., None]) & (x[None, None] < ends[..., None]) & (chars >= 0)[..., None]
        across = (inside * (chars + 1)[..., None]).amax(1)  # a cell's centre on the line between two characters may be in both by rounding
        glyph = across[:, None] * ((y[None] - middle[:, None]).abs() <= h[:, None] / 2)[:, :, None]
        kind = torch.zeros(b, rows, columns, dtype=torch.long, device=self.device)
        color = torch.zeros_like(kind)
        kinds, colors = self.packed["shape_kind"][index].long(), self.packed["shape_color"][index].long()
        for slot, near in enumerate(self.near_shapes(index, rows, columns, 0.8).unbind(1)):
            kind = torch.where(near, (kinds[:, slot] + 1)[:, None, None], kind)
            color = torch.where(near, (colors[:, slot] + 1)[:, None, None], color)
        return [glyph.flatten(1), kind.flatten(1), color.flatten(1)]


class Pool:
    """All buckets of a run."""

    label_sizes = (len(vocabulary.CHARACTERS) + 1, len(vocabulary.KINDS) + 1, len(vocabulary.COLOR_NAMES) + 1)

    def __init__(self, out: pathlib.Path, device: str):
        self.device = torch.device(device)
        state = store.load_state(out / "data.pt")
        self.vocabulary = state["vocabulary"]
        self.empty_ids = state["empty"].to(self.device)
        self.empty_length = len(self.empty_ids)
        self.buckets = [Bucket(self, *entry["size"], entry["packed"], entry["tokens"], entry["lengths"]) for entry in state["buckets"]]

    @property
    def total(self) -> int:
        return sum(bucket.count for bucket in self.buckets)

    def empty(self, count: int, length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """The empty caption's ids, padded, and its length."""
        length = length or dit.padded(self.empty_length)
        ids = torch.zeros(count, length, dtype=torch.long, device=self.device)
        n = min(length, self.empty_length)
        ids[:, :n] = self.empty_ids[:n].long()
        return ids, torch.full((count,), self.empty_length, dtype=torch.long, device=self.device)
