"""ops/<operator>/<case>.safetensors: every operator of IBackend on small inputs, in that interface's layouts."""

import pathlib

from . import ops_data, ops_linear, ops_norm, ops_picture


def export(out: pathlib.Path) -> None:
    for part in (ops_linear, ops_norm, ops_data, ops_picture):
        part.export(out)
