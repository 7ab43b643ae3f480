"""Trains the miniature checkpoint: python training/run.py --out DIR. See README.md beside this file."""

import argparse
import pathlib
import sys
import time

import torch

from nano import config as settings
from nano import stages, store


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of all results; finished stages in it are skipped")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stage", action="append", choices=stages.NAMES, help="run only this stage (may be repeated)")
    parser.add_argument("--until", choices=stages.NAMES, help="stop after this stage")
    parser.add_argument("--force", action="store_true", help="run the named stages again")
    parser.add_argument("--resume", action="store_true", help="said for clearness: finished stages are always kept")
    parser.add_argument("--smoke", action="store_true", help="a few steps of every stage at the real batch sizes")
    parser.add_argument("--tiny", action="store_true", help="a few steps of small networks, for a processor")
    parser.add_argument("--budget-scale", type=float, default=1.0, help="multiplies the steps of every training stage")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="override, such as flow.muon_lr=0.01")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    name = "smoke" if arguments.smoke else "tiny" if arguments.tiny else "full"
    config = settings.load(name, arguments.budget_scale)
    for change in arguments.set:
        settings.override(config, change)
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    run = stages.Run(config, out, arguments.seed, arguments.device, not arguments.no_compile)
    store.write_json(out / "result" / "config.json", {"name": name, "seed": arguments.seed, **config})
    for stage in stages.NAMES:
        if arguments.stage and stage not in arguments.stage:
            continue
        if run.finished(stage) and not (arguments.force and arguments.stage):
            print(f"[{stage}] kept", flush=True)
        else:
            start = time.monotonic()
            run.run(stage)
            run.note(stage, time.monotonic() - start)
        if stage == arguments.until:
            break
    return 0


if __name__ == "__main__":
    sys.exit(main())
