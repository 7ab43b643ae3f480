"""Goes on with a run elsewhere. From what pack.py --resume wrote, put together and unpacked: python training/restore.py FOLDER OUT, then
run.py --out OUT as before; the optimisers start anew. Or begins a run from exported checkpoints, so that distillation, evaluation or
ablation can be run again without the stages before them: python training/restore.py MODELS OUT, then
run.py --out OUT --stage data --stage distill --stage export --stage evaluate --stage ablation."""

import pathlib
import shutil
import sys

from nano import store


def resume(folder: pathlib.Path, out: pathlib.Path) -> None:
    shutil.copytree(folder, out, dirs_exist_ok=True)
    for stage in ("flow_low", "flow_native"):
        path = out / f"{stage}.safetensors"
        if not path.exists():
            continue
        state: dict = {}
        for name, tensor in store.read(path).items():
            part, name = name.split("/", 1)
            state.setdefault(part, {})[name] = tensor.float()
        store.save_state(out / "flow_low.pt", {"live": state, "average": state})
        store.save_state(out / f"{stage}.pt", {"live": state, "average": state})
        path.unlink()


def begin(models: pathlib.Path, out: pathlib.Path) -> None:
    """A run's state from exported checkpoints."""
    nano, base = models / "nano", models / "nano-base"
    read = lambda path: {name: tensor.float() for name, tensor in store.read(path).items()}
    shutil.copytree(nano / "tokenizer", out / "tokenizer", dirs_exist_ok=True)
    for folder in (nano, base):
        shutil.copytree(folder, out / "models" / folder.name, dirs_exist_ok=True)
    store.write(out / "vae.safetensors", read(nano / "vae" / "diffusion_pytorch_model.safetensors"))
    store.write_json(out / "vae.json", {"config": store.read_json(nano / "vae" / "config.json")})
    state = {"text_encoder": read(nano / "text_encoder" / "model.safetensors"),
             "transformer": read(base / "transformer" / "diffusion_pytorch_model.safetensors")}
    store.save_state(out / "flow_native.pt", {"average": state})


def main() -> int:
    folder, out = map(pathlib.Path, sys.argv[1:3])
    (begin if (folder / "nano").exists() else resume)(folder, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
