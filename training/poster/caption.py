"""Captions: what somebody might type to get a scene, and which attributes it states."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .scene import ABOVE, INSIDE, LEFT_OF, SAME, Scene
from .vocabulary import LATIN

KIND, COLOR, PLACE, SIZE = 1, 2, 4, 8           # bits of a shape
T_STRING, T_COLOR, T_PLACE = 1, 2, 4            # bits of the text
B_STATED, B_DIRECTION = 1, 2                    # bits of the background
SHORT_SHARE = 0.08


@dataclass(slots=True)
class Caption:
    """A caption with one bit set of stated attributes for each shape, the text and the background."""
    caption: str
    language: str
    shapes: tuple[int, ...]
    text: int
    background: int


@dataclass(slots=True)
class Plan:
    """What a caption is going to say."""
    shapes: list[int]
    text: int
    background: int
    relation: int          # the relation that is put into words, or 0
    loose: bool = False    # things without their places, also as a list behind the background


def plan(scene: Scene, rng: random.Random, full: bool, loose: bool = False) -> Plan:
    """Chooses what to state; `full` leaves less out (for captions that are judged), `loose` all places of free shapes."""
    r = rng.random
    said = scene.relation if scene.relation in (INSIDE, SAME) or (scene.relation and r() < 0.92) else 0
    generous = r() < 0.25 or full
    shapes = []
    for i, s in enumerate(scene.shapes):
        bits = KIND | COLOR
        if not full:
            if r() < 0.04:
                bits &= ~COLOR
            elif r() < 0.015 and scene.relation != SAME:
                bits &= ~KIND
        if r() < (0.55 if generous else 0.36):
            bits |= SIZE
        if scene.relation in (LEFT_OF, ABOVE):
            if said:
                bits |= PLACE
        elif i > 0 and scene.relation == SAME:
            bits = shapes[0]
        elif s.inside >= 0:
            bits |= shapes[s.inside] & PLACE
        else:
            chance = 0.40 if s.place == 4 and len(scene.shapes) == 1 else 0.74
            if not loose and r() < (max(chance, 0.8) if full else chance):
                bits |= PLACE
        shapes.append(bits)
    text = 0
    if scene.text is not None:
        text = T_STRING | (T_COLOR if r() < (0.92 if full else 0.80) else 0) | (T_PLACE if r() < (0.92 if full else 0.80) else 0)
    background = 0
    if r() < (0.92 if full else 0.80) or (not scene.shapes and scene.text is None):
        background = B_STATED
        if scene.background and (full or r() < 0.75):
            background |= B_DIRECTION
    return Plan(shapes, text, background, said, loose)


def is_latin(string: str) -> bool:
    """Whether a text has only letters and digits."""
    return all(c in LATIN for c in string)


def describe(scene: Scene, language: str, rng: random.Random, full: bool = False, loose: bool = False, alone: float = 0.0) -> Caption:
    """A caption of the scene in a language ("en" or "zh"); `full` and `loose` as in plan(). A short caption names one thing; of those that name
    a shape in a scene with more in it, a share `alone` is made a whole caption, so that "a red star" means a star alone."""
    from . import caption_en, caption_zh

    writer = caption_en if language == "en" else caption_zh
    if not full and rng.random() < SHORT_SHARE:
        text, shapes, bits, background = writer.short(scene, rng)
        more = any(shapes) and (len(scene.shapes) > 1 or scene.text is not None)
        if not (alone and more and rng.random() < alone):
            return Caption(text, language, shapes, bits, background)
    p = plan(scene, rng, full, loose)
    return Caption(writer.write(scene, p, rng), language, tuple(p.shapes), p.text, p.background)
