"""The byte-level BPE tokenizer: training on captions, Hugging Face files, and a fast encoder.

Words of captions and every Chinese character become tokens; the characters of a quoted text never merge with each other:
no token holds two capital letters, two digits (the split pattern's doing) or two Chinese characters.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections import Counter
from pathlib import Path

import regex

from .vocabulary import CHINESE

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}")
VOCABULARY = 1280
SEED, SAMPLES, CANVASES = 20240607, 16000, ((256, 256), (320, 192), (192, 320))
_WORD = regex.compile(r"^ ?[A-Z]?[a-z]+$")
_UNITS = regex.compile(r"[^\x00-\x7f]|[\x00-\x7f]+").findall
_SYMBOLS = regex.compile(r"^ ?[!-/:-@\[-`{-~]{1,2}$")


def byte_letters() -> list[str]:
    """GPT-2's printable stand-in for each byte."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters, extra = {b: chr(b) for b in kept}, 0
    for b in range(256):
        if b not in letters:
            letters[b] = chr(256 + extra)
            extra += 1
    return [letters[b] for b in range(256)]


LETTERS = byte_letters()
BYTES = {c: b for b, c in enumerate(LETTERS)}


def _corpus() -> Counter[str]:
    """Pieces of captions with the posters' texts cut out."""
    from .caption import describe
    from .scene import Generator

    pieces: Counter[str] = Counter()
    for bucket, (width, height) in enumerate(CANVASES):
        generator, rng = Generator(SEED + bucket, width, height), random.Random(SEED + bucket)
        for i in range(SAMPLES // len(CANVASES)):
            scene = generator.scene()
            for language in ("en", "zh"):
                caption = describe(scene, language, rng).caption
                for part in caption.split(scene.text.string) if scene.text else [caption]:
                    pieces.update(regex.findall(PATTERN, part))
    pieces.update({"user": 10000, "assistant": 10000})
    return pieces


def _allowed(letters: str) -> bool:
    text = bytes(BYTES[c] for c in letters)
    if not text.isascii():
        return False
    s = text.decode("ascii")
    return bool(_WORD.match(s) or _SYMBOLS.match(s))


def train() -> dict:
    """Trains the tokenizer; returns tokenizer.json as a dictionary. Deterministic."""
    pieces = _corpus()
    merges: list[tuple[str, str]] = []
    vocabulary: dict[str, int] = {}
    for b in sorted(range(256), key=lambda b: ord(LETTERS[b])):
        vocabulary[LETTERS[b]] = len(vocabulary)

    def add(a: str, b: str) -> None:
        if a + b not in vocabulary:
            merges.append((a, b))
            vocabulary[a + b] = len(vocabulary)

    characters: Counter[str] = Counter()
    for piece, n in pieces.items():
        for c in piece:
            if ord(c) > 127:
                characters[c] += n
    for c in CHINESE:
        characters[c] += 1
    for c, _ in sorted(characters.items(), key=lambda kv: (-kv[1], kv[0])):
        data = [LETTERS[b] for b in c.encode("utf-8")]
        for i in range(1, len(data)):
            add("".join(data[:i]), data[i])

    words = [[[LETTERS[b] for b in p.encode("utf-8")], n] for p, n in sorted(pieces.items()) if any("a" <= c.lower() <= "z" for c in p) or p.isascii()]
    size = VOCABULARY - len(SPECIAL)
    while len(vocabulary) < size:
        pairs: Counter[tuple[str, str]] = Counter()
        for symbols, n in words:
            for i in range(len(symbols) - 1):
                pairs[symbols[i], symbols[i + 1]] += n
        best = None
        for pair, n in pairs.items():
            if n > 3 and (best is None or (-n, pair) < best) and _allowed(pair[0] + pair[1]):
                best = (-n, pair)
        if best is None:
            break
        a, b = best[1]
        add(a, b)
        for word in words:
            symbols = word[0]
            if a in symbols:
                i = 0
                while i < len(symbols) - 1:
                    if symbols[i] == a and symbols[i + 1] == b:
                        symbols[i:i + 2] = [a + b]
                    i += 1
    added = [{"id": len(vocabulary) + i, "content": c, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for i, c in enumerate(SPECIAL)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}, level]},
        "post_processor": level, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
                  "byte_fallback": False, "ignore_merges": False, "vocab": vocabulary, "merges": [list(m) for m in merges]},
    }


def save(definition: dict, folder: str | Path) -> None:
    """Writes tokenizer.json and tokenizer_config.json."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokens = {str(t["id"]): {k: t[k] for k in ("content", "single_word", "lstrip", "rstrip", "normalized", "special")} for t in definition["added_tokens"]}
    config = {
        "add_bos_token": False, "add_prefix_space": False, "added_tokens_decoder": tokens, "additional_special_tokens": SPECIAL[1:], "bos_token": None,
        "chat_template": CHAT_TEMPLATE, "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "errors": "replace",
        "model_max_length": 131072, "pad_token": "<|endoftext|>", "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None}
    for name, value in (("tokenizer.json", definition), ("tokenizer_config.json", config)):
        (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1 if name.startswith("tokenizer_") else None) + "\n", encoding="utf-8")


class Encoder:
    """Encodes captions in the chat template; remembers each piece's ids."""

    def __init__(self, definition: dict | str | Path):
        if not isinstance(definition, dict):
            path = Path(definition)
            definition = json.loads((path / "tokenizer.json" if path.is_dir() else path).read_text(encoding="utf-8"))
        model = definition["model"]
        self.vocabulary: dict[str, int] = model["vocab"]
        self.ranks = {(a, b): i for i, (a, b) in enumerate(model["merges"])}
        self.special = {t["content"]: t["id"] for t in definition["added_tokens"]}
        self.pad = self.special["<|endoftext|>"]
        self.size = len(self.vocabulary) + len(self.special)
        self.find = regex.compile(PATTERN).findall
        self.pieces: dict[str, list[int]] = {}
        start, end = self.special["<|im_start|>"], self.special["<|im_end|>"]
        self.after = [end, *self._plain("\n"), start, *self._plain("assistant\n")]
        self.start = start

    def _piece(self, piece: str) -> list[int]:
        # No merge joins a character beyond ASCII to anything else, so each of them is a unit by itself.
        if len(piece) > 1 and not piece.isascii():
            pieces, out = self.pieces, []
            for unit in _UNITS(piece):
                out += pieces.get(unit) or self._piece(unit)
            return out
        symbols = [LETTERS[b] for b in piece.encode("utf-8")]
        while len(symbols) > 1:
            rank, i = min((self.ranks.get((symbols[i], symbols[i + 1]), 1 << 30), i) for i in range(len(symbols) - 1))
            if rank == 1 << 30:
                break
            symbols[i:i + 2] = [symbols[i] + symbols[i + 1]]
        ids = [self.vocabulary[s] for s in symbols]
        if len(self.pieces) < 1 << 18:
            self.pieces[piece] = ids
        return ids

    def _plain(self, text: str) -> list[int]:
        out: list[int] = []
        pieces = self.pieces
        for piece in self.find(text):
            out += pieces.get(piece) or self._piece(piece)
        return out

    def encode_chat(self, caption: str) -> list[int]:
        """Token ids of the chat template around a caption (which holds no special token)."""
        if not caption.isascii():
            caption = unicodedata.normalize("NFC", caption)
        return [self.start, *self._plain("user\n" + caption), *self.after]

    def decode(self, ids) -> str:
        """Text of ids; special tokens by name."""
        names = {v: k for k, v in self.vocabulary.items()}
        special = {v: k for k, v in self.special.items()}
        return b"".join(special[i].encode() if i in special else bytes(BYTES[c] for c in names[i]) for i in ids).decode("utf-8", "replace")


if __name__ == "__main__":
    import sys

    save(train(), sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "models" / "nano" / "tokenizer")
