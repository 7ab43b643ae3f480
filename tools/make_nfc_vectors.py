#!/usr/bin/env python3
"""Writes tests/ZImage.Tests/Text/nfc_vectors.txt: texts and their form C, by Python's unicodedata.

One case a line, "text;form C", code points in hexadecimal. Every character with a canonical decomposition (Hangul aside,
of which a sample) stands alone, fully decomposed, and with its marks in reverse; then random sequences of bases and
marks. Characters younger than Unicode 9.0 are left out, see make_nfc_table.py.
Run from the repository root: python3 tools/make_nfc_vectors.py
"""

import random
import unicodedata

from make_nfc_table import newer_points

OUTPUT = "tests/ZImage.Tests/Text/nfc_vectors.txt"


def main():
    newer = newer_points()
    known = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF and c not in newer]
    single = [chr(c) for c in known if unicodedata.normalize("NFD", chr(c)) != chr(c)]
    single = [c for c in single if not 0xAC00 <= ord(c) <= 0xD7A3 or ord(c) % 97 == 0]
    marks = [chr(c) for c in known if unicodedata.combining(chr(c))]
    bases = [c for c in single if len(unicodedata.normalize("NFD", c)) > 1]
    texts = []
    for c in single:
        split = unicodedata.normalize("NFD", c)
        texts += [c, split] + ([split[0] + split[:0:-1]] if len(split) > 2 else [])

    rng = random.Random(1)
    for _ in range(1500):
        text = ""
        for _ in range(rng.randint(1, 3)):
            text += rng.choice([rng.choice(bases), unicodedata.normalize("NFD", rng.choice(bases)), chr(rng.randint(0x41, 0x17F)), ""])
            text += "".join(rng.choice(marks[:80] if rng.random() < 0.6 else marks) for _ in range(rng.randint(0, 4)))
        texts.append(text)
    jamo = [chr(c) for c in (0x1100, 0x1112, 0x1113, 0x1161, 0x1175, 0x1176, 0x11A7, 0x11A8, 0x11C2, 0x11C3, 0xAC00, 0xAC01, 0xAC1C, 0xD7A3)]
    texts += ["".join(rng.choice(jamo) for _ in range(rng.randint(2, 6))) for _ in range(300)]

    def code(text):
        return " ".join(f"{ord(c):X}" for c in text)

    with open(OUTPUT, "w", encoding="ascii", newline="\n") as file:
        file.write(f"# Made by tools/make_nfc_vectors.py with unicodedata {unicodedata.unidata_version}; do not edit.\n")
        for text in dict.fromkeys(t for t in texts if t):
            file.write(f"{code(text)};{code(unicodedata.normalize('NFC', text))}\n")


if __name__ == "__main__":
    main()
