"""Packs the results of a run for transport: python training/pack.py OUT DEST. results.tar.gz.00, .01, ... (logs, tables,
contact sheets) and models.tar.gz.00, ... of at most --part MiB each; put together again with: cat models.tar.gz.* | tar xz. With --resume also what an
unfinished run needs to go on elsewhere (restore.py reads it): the VAE, and the networks of the last flow stage in bfloat16. With --cache also the
compiled kernels, as cache.tar.gz.00, ..., for a later run's TORCHINDUCTOR_CACHE_DIR."""

import argparse
import io
import os
import pathlib
import sys
import tarfile

from nano import store


def archive(folder: pathlib.Path, names: list[str], level: int = 3) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=level) as tar:
        for name in names:
            if (folder / name).exists():
                tar.add(folder / name, arcname=name)
    return buffer.getvalue()


def split(data: bytes, dest: pathlib.Path, name: str, part: int) -> None:
    for i, start in enumerate(range(0, len(data), part)):
        path = dest / f"{name}.{i:02d}"
        path.write_bytes(data[start : start + part])
        print(path.name, path.stat().st_size)


def networks(out: pathlib.Path) -> list[str]:
    """Writes the averaged networks of the last flow stage, and names the file."""
    for stage in ("flow_native", "flow_low"):
        if (out / f"{stage}.pt").exists():
            average = store.load_state(out / f"{stage}.pt")["average"]
            flat = {f"{part}/{name}": tensor.bfloat16() for part, state in average.items() for name, tensor in state.items()}
            store.write(out / f"{stage}.safetensors", flat)
            return [f"{stage}.safetensors"]
    return []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("dest", type=pathlib.Path)
    parser.add_argument("--part", type=float, default=15.0, help="MiB a part")
    parser.add_argument("--resume", action="store_true", help="also what an unfinished run needs to go on")
    parser.add_argument("--cache", action="store_true", help="also the compiled kernels")
    a = parser.parse_args()
    a.dest.mkdir(parents=True, exist_ok=True)
    part = int(a.part * 2**20)
    split(archive(a.out, ["result", "log", "vae.json", "latents.json"], 6), a.dest, "results.tar.gz", part)
    split(archive(a.out, ["models"]), a.dest, "models.tar.gz", part)
    if a.resume:
        split(archive(a.out, ["tokenizer", "vae.safetensors", "vae.json", *networks(a.out)]), a.dest, "resume.tar.gz", part)
    cache = pathlib.Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR", pathlib.Path.home() / ".cache" / "nano-inductor"))
    if a.cache and cache.exists():
        split(archive(cache.parent, [cache.name]), a.dest, "cache.tar.gz", part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
