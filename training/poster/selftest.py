"""Asserts what the rest relies on: `python -m poster.selftest [--device cuda] [--count 48]`."""

from __future__ import annotations

import argparse
import random
import re
import tempfile

import numpy as np
import torch

from . import caption_en, caption_zh, check, heldout
from .caption import B_STATED, COLOR, KIND, PLACE, SIZE, T_COLOR, T_STRING, describe
from .dataset import Bucket, build
from .heldout_rule import TRIPLES, text_held_out
from .render import render, uniform
from .scene import Generator, Scene
from .tokenizer import Encoder, save, train
from .vocabulary import BUCKETS, CHARACTERS, COLOR_NAMES

WRONG = 0.35  # no attribute of unrelated pictures scores above this: what agrees by chance


def determinism() -> None:
    """The same data from any number of processes; other data from another seed; the same jitter everywhere."""
    a, b, c = build(6000, 3, processes=1), build(6000, 3, processes=3), build(6000, 4, processes=2)
    for x, y, z in zip(a, b, c):
        assert all(np.array_equal(x.packed[k], y.packed[k]) for k in x.packed) and np.array_equal(x.tokens, y.tokens) and np.array_equal(x.stated, y.stated)
        assert not np.array_equal(x.tokens[:100], z.tokens[:100])
    counts = [len(x) for x in a]
    assert len(counts) == len(set(BUCKETS)) == 41 and sum(counts) == 6000 and abs(counts[0] - 3720) < 20 and 30 < min(counts) and max(counts[1:]) < 100, counts
    u = uniform(torch.arange(100000))
    assert abs(u.mean()) < 0.005 and abs(u.std() - 3 ** -0.5) < 0.005 and u.abs().max() <= 1
    assert abs(np.corrcoef(u[:, 0], u[:, 1])[0, 1]) < 0.02 and abs(np.corrcoef(u[:-1, 0], u[1:, 0])[0, 1]) < 0.02


def split() -> None:
    """Training scenes hold nothing held out, held-out ones nothing else, and no scene comes twice."""
    share = np.mean(TRIPLES)
    assert 0.04 < share < 0.08, share
    for bucket in build(8000, 5, processes=2):
        keys = set()
        for i in range(len(bucket)):
            scene, _ = bucket.scene(i) if i < 20 else (_scene(bucket, i), None)
            assert not any(TRIPLES[s.kind][s.color][s.place] for s in scene.shapes)
            assert scene.text is None or not text_held_out(scene.text.string)
            keys.add(scene.signature())
        assert len(keys) == len(bucket)
    lines = heldout.items()
    scenes = [check.from_json(i)[0] for i in lines]
    assert all(TRIPLES[s.kind][s.color][s.place] for scene in scenes for s in scene.shapes)
    assert all(text_held_out(s.text.string) for s in scenes if s.text)
    assert sum(i["language"] == "en" for i in lines) == 250 and len({i["caption"] for i in lines}) == 500
    with_text = sum(i["text"] is not None for i in lines) / len(lines)
    assert 0.55 < with_text < 0.75, with_text
    for file, rows in ((heldout.FILE, lines), (heldout.SIZED_FILE, heldout.sized())):
        if file.exists():
            with tempfile.NamedTemporaryFile() as f:
                heldout.write(f.name, rows)
                assert f.read() == file.read_bytes(), f"{file.name} is not what poster.heldout writes"


def _scene(bucket: Bucket, i: int) -> Scene:
    from .pack import unpack

    return unpack(bucket.packed, i, bucket.width, bucket.height)


def tokenizer() -> None:
    """Training gives the stored tokenizer again; the characters of quoted texts stay apart; captions fit."""
    from .dataset import TOKENIZER

    encoder = Encoder(TOKENIZER)
    with tempfile.TemporaryDirectory() as folder:
        save(train(), folder)
        fresh = Encoder(folder)
    assert fresh.vocabulary == encoder.vocabulary and fresh.ranks == encoder.ranks
    single = {c: encoder.encode_chat(c)[3] for c in CHARACTERS}
    rng, lengths = random.Random(6), []
    for width, height in BUCKETS:
        generator = Generator(6, width, height)
        for _ in range(4000 if (width, height) == BUCKETS[0] else 400):
            scene = generator.scene()
            for language in ("en", "zh"):
                caption = describe(scene, language, rng)
                ids = encoder.encode_chat(caption.caption)
                lengths.append(len(ids))
                if caption.text & T_STRING:
                    spelt = ",".join(str(single[c]) for c in scene.text.string)
                    assert f",{spelt}," in "," + ",".join(map(str, ids)) + ",", caption.caption
    assert np.percentile(lengths, 99.9) <= 88, np.percentile(lengths, 99.9)


def wording() -> None:
    """A caption names the colours, kinds and sizes it states and no others."""
    rng = random.Random(7)
    for full, loose in ((False, False), (True, False), (False, True)):
        generator = Generator(7, 256, 256)
        for _ in range(4000):
            scene = generator.scene()
            for language, names in (("en", caption_en), ("zh", caption_zh)):
                c = describe(scene, language, rng, full, loose)
                assert not loose or scene.relation or not any(bits & PLACE for bits in c.shapes), c.caption
                _consistent(scene, c, names, language)


def _consistent(scene: Scene, c, names, language: str) -> None:
    text = c.caption
    if c.text & T_STRING:
        assert scene.text.string in text, text
        text = re.sub(r"""(["'“‘「『]?)""" + re.escape(scene.text.string) + r"""["'”’」』]?""", " ", text, count=1) if language == "en" or len(scene.text.string) > 1 else \
            re.sub(r"""["'“‘「『]""" + re.escape(scene.text.string) + r"""["'”’」』]""", " ", text, count=1)
    text = text.lower()

    def named(lists: list, suffix: str = "") -> set[int]:
        rest, found = text, set()
        for name, i in sorted(((n, i) for i, group in enumerate(lists) for n in set(group)), key=lambda v: -len(v[0])):
            pattern = rf"\b{re.escape(name)}(?:es|s)?\b" if language == "en" else re.escape(name) + suffix
            if re.search(pattern, rest):
                found.add(i)
                rest = re.sub(pattern, "#", rest)
        return found

    told = {s.color for s, b in zip(scene.shapes, c.shapes) if b & COLOR} | ({scene.text.color} if c.text & T_COLOR else set())
    if c.background & B_STATED:
        told |= {scene.first, scene.second}
    assert named(names.COLORS) == told, (c.caption, [COLOR_NAMES[i] for i in named(names.COLORS) ^ told])
    kinds = {s.kind for s, b in zip(scene.shapes, c.shapes) if b & KIND}
    if language == "en":
        assert kinds <= named([list(k) + ["rounds"] * (i == 0) for i, k in enumerate(names.KINDS)]), c.caption
    sizes = {s.size for s, b in zip(scene.shapes, c.shapes) if b & SIZE}
    assert sizes <= named(names.SIZES), c.caption


def truth(device: str, count: int) -> None:
    """The checker finds everything right on rendered truth with jitter, and the right things wrong on wrong pictures."""
    for width, height in BUCKETS:
        lines = heldout.items(count, 11, width, height)
        scenes = [check.from_json(i) for i in lines]
        packed, stated = check.batch([{"scene": s, "bits": b} for s, b in scenes], device)
        seed = torch.arange(count, device=device) * 7919 + 5
        images = render(packed, None, height, width, seed)
        right = check.summary(check.check(images, packed, stated))
        print(f"  truth {width}x{height}: {check.rates(right)}")
        assert all(r == j for r, j in right.values()), right
        if (width, height) == BUCKETS[0]:
            _wrong(images, packed, stated, seed)


def _wrong(images: torch.Tensor, packed: dict, stated: torch.Tensor, seed: torch.Tensor) -> None:
    height, width = images.shape[2:]

    def judge(**changes) -> dict:
        other = {k: v.clone() for k, v in packed.items()}
        for k, f in changes.items():
            other[k] = f(other[k])
        return {k: r / max(j, 1) for k, (r, j) in check.summary(check.check(render(other, None, height, width, seed), packed, stated)).items()}

    shuffled = {k: r / max(j, 1) for k, (r, j) in check.summary(check.check(images.roll(1, 0), packed, stated)).items()}
    print("  pictures of other captions:", {k: round(v, 3) for k, v in shuffled.items()})
    assert all(shuffled[k] < WRONG for k in ("color", "place", "characters", "text_color", "background", "kind")), shuffled

    def step(v: torch.Tensor, n: int) -> torch.Tensor:
        return torch.where(v >= 0, (v + 1) % n, v)

    kind = judge(shape_kind=lambda v: torch.where(v >= 0, (v + 3) % 10, v))
    print("  wrong kinds:", {k: round(v, 3) for k, v in kind.items()})
    assert kind["kind"] < 0.05 and kind["color"] > 0.9 and kind["place"] > 0.9 and kind["characters"] > 0.99
    moved = judge(shape_xyr=lambda v: torch.cat([(v[..., :1] + 0.2), v[..., 1:]], -1))
    print("  moved by 0.2:", {k: round(v, 3) for k, v in moved.items()})
    assert moved["place"] < 0.15 and moved["characters"] > 0.8
    spelling = judge(text_chars=lambda v: torch.cat([step(v[:, :1], 26), v[:, 1:]], 1))
    print("  first character wrong:", {k: round(v, 3) for k, v in spelling.items()})
    texts = (packed["text_chars"] >= 0).sum(1)
    expected = 1 - (texts > 0).sum().item() / texts.sum().item()
    assert abs(spelling["characters"] - expected) < 0.05 and spelling["kind"] > 0.99
    hue = judge(text_color=lambda v: torch.where(v >= 0, (v + 5) % 12, v), bg_color=lambda v: (v + 1) % 12)
    print("  wrong text and background colours:", {k: round(v, 3) for k, v in hue.items()})
    assert hue["background"] < 0.05 and hue["text_color"] < 0.15
    none = judge(shape_kind=lambda v: torch.full_like(v, -1), text_chars=lambda v: torch.full_like(v, -1))
    print("  nothing but backgrounds:", {k: round(v, 3) for k, v in none.items()})
    assert none["kind"] < 0.05 and none["place"] < 0.1 and none["characters"] < 0.05 and none["background"] > 0.99


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", type=int, default=48)
    args = parser.parse_args()
    for name, run in (("determinism", determinism), ("split", split), ("tokenizer", tokenizer), ("wording", wording)):
        run()
        print(f"{name}: ok", flush=True)
    truth(args.device, args.count)
    print("truth: ok")


if __name__ == "__main__":
    main()
