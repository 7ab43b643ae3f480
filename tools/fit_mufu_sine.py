#!/usr/bin/env python3
"""Find the integer coefficients of a GPU's sine unit from a measured table, and prove them on all of it.

usage: fit_mufu_sine.py TABLE

TABLE holds 2^23 little-endian float32 values: what MUFU.SIN returns for the operand i * 2^-25, i = 0 .. 2^23 - 1 (a quarter of a turn;
the operand is in turns, the SASS of sin.approx.f32(v) is FMUL.RZ t = v * 0x3e22f983 and then MUFU.SIN t). The operand's floor to 2^-25
decides the result; that was checked on the GPU for all floats up to 2 pi. Prints the 64 rows (constant, slope, curvature) that
src/ZImage/Sampling/MufuSine.cs holds, and the SHA-256 of TABLE. Fails if no model, or more than one, fits a segment.

The model is a quadratic interpolator in the style of S. Oberman and M. Siu, "A High-Performance Area-Efficient Multifunction
Interpolator" (ARITH-17, 2005): the top 6 bits of i pick a segment, the low 17 bits are x, and
  sum = constant * 2^12 + slope * x - curvature * square(x)     (unit 2^-37)
where square(x) is x * x in units of 2^19, built only from the partial products of that weight or more. The result is sum cut
(not rounded) to 24 significant bits.
"""
import hashlib
import sys

import numpy as np

SEGMENTS, LOW = 64, 17
N = 1 << LOW


def truncated_square(x):
    total = np.zeros_like(x)
    for i in range(LOW):
        for j in range(i, LOW):
            weight = 2 * i if i == j else i + j + 1
            if weight >= 19:
                total += ((x >> i) & (x >> j) & 1) << (weight - 19)
    return total


def main(path):
    table = np.fromfile(path, "<f4")
    assert table.size == SEGMENTS * N, f"{path} holds {table.size} values, not {SEGMENTS * N}"
    exponent = (table.view(np.uint32) >> 23).astype(np.int64) - 127
    value = (table.astype(np.float64) * 2.0**37).astype(np.int64)
    step = np.int64(1) << np.maximum(exponent - 23 + 37, 0)
    x = np.arange(N, dtype=np.int64)
    square = truncated_square(x)
    sample = np.union1d(np.arange(0, N, 97), [N - 1])
    turn = 2 * np.pi / 2**25
    for segment in range(SEGMENTS):
        low = value[segment * N:(segment + 1) * N]
        high = low + step[segment * N:(segment + 1) * N] - 1
        start, middle = segment * N * turn, (segment + 0.5) * N * turn
        slope0 = round(turn * np.cos(start) * 2**37)
        curvature0 = round(np.sin(middle) * turn**2 / 2 * 2.0**56)
        found = []
        for curvature in range(max(0, curvature0 - 25), curvature0 + 26):
            for slope in range(slope0 - 30, slope0 + 31):
                for points in (sample, slice(None)):  # the sample rejects nearly all, cheaply
                    part = slope * x[points] - curvature * square[points]
                    least, most = (low[points] - part).max(), (high[points] - part).min()
                    if least > most:
                        break
                else:
                    constant = int(most) >> 12
                    if constant << 12 >= least:
                        found.append((constant, slope, curvature))
        assert len(found) == 1, f"segment {segment}: {len(found)} models fit"
        print("%9d, %5d, %4d," % found[0])
    print(f"all {table.size} values reproduced; SHA-256 of the table {hashlib.sha256(table.tobytes()).hexdigest()}", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
