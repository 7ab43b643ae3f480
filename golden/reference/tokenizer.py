"""tokenizer/{tiny,qwen3}.json: token ids of many texts, as the pipeline makes them."""

import json
import os
import pathlib

from tokenizers import Tokenizer
from transformers import AutoTokenizer, Qwen2Tokenizer

from .common import GOLDEN, TOKENIZER, save_json
from .text_encoder import templated, token_ids

BUILT_IN = [
    "", " ", "  ", "\n", "\t", "a", "A", ".", "cat", " cat", "cat ", "A red fox sitting in the snow.",
    "two  spaces and   three", "line one\nline two\r\nline three\n\n\nend", "tabs\tand\ttabs", "it's we're I'll THEY'VE don'T",
    "1234567890", "3.14159 and 1,000,000", "v2.0-beta+build_7", "hello_world helloWorld HelloWORLD", "!!! ??? ... --- ###",
    "(a) [b] {c} <d> \"e\" 'f'", "https://example.com/a?b=c&d=%20#e", "user@example.com",
    "一只红色的狐狸坐在雪地里，阳光明媚。", "造相「Z-IMAGE-TURBO」的海报", "日本語のテキストとカタカナ", "한국어 텍스트", "Привет, мир!",
    "مرحبا بالعالم", "नमस्ते दुनिया", "café naïve Ångström", "cafe\u0301 A\u030angstro\u0308m", "ﬁ ligature ½ ² Ⅳ",
    "😀 😃 👩‍👩‍👧 🇩🇪 👍🏽", "zero\u200bwidth\u00a0nbsp\u3000wide", "a\u0000b\u0007c", "\ufeffbyte order mark",
    "<|im_start|>user\nnested<|im_end|>", "text<|endoftext|>more", "<think>\n\n</think>", "< |im_start| > <|im_start", "x" * 200,
    "a photo of a cat, " * 120,
]


def export(out) -> None:
    write(out, "tiny", Qwen2Tokenizer.from_pretrained(str(TOKENIZER)), TOKENIZER)
    folder = os.environ.get("ZIMAGE_QWEN3_TOKENIZER")
    if folder:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        if not tokenizer.chat_template:
            tokenizer.chat_template = Qwen2Tokenizer.from_pretrained(str(TOKENIZER)).chat_template
        write(out, "qwen3", tokenizer, pathlib.Path(folder))


def texts() -> list:
    file = GOLDEN / "tokenizer_texts.json"
    if not file.exists():
        return BUILT_IN
    content = json.loads(file.read_text(encoding="utf-8"))
    listed = content["texts"] if isinstance(content, dict) else content
    return [entry["text"] if isinstance(entry, dict) else entry for entry in listed]


def write(out, name, tokenizer, folder) -> None:
    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    plain.no_padding()
    plain.no_truncation()
    cases = []
    for text in texts():
        prompt = templated(tokenizer, text)
        ids = token_ids(tokenizer, text)
        expected = plain.encode(prompt).ids[:512]
        if ids != expected:
            # The pipeline runs transformers, so its ids are the reference; a difference is worth a look all the same.
            print(f"{name}: {text[:40]!r}: transformers gives {ids[:20]}, tokenizer.json alone {expected[:20]}", flush=True)
        cases.append({"tokenizer": name, "text": text, "templated": prompt, "ids": ids})
    save_json(out / "tokenizer" / f"{name}.json", 0, cases=cases)
