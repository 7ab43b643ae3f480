"""Trains the miniature checkpoint: python training/run.py --out DIR. See README.md beside this file."""

import time

START = time.monotonic()

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import traceback

# Kernels that were compiled once are kept; name another folder to carry them from machine to machine.
for variable in ("TORCHINDUCTOR_FX_GRAPH_CACHE", "TORCHINDUCTOR_AUTOGRAD_CACHE"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(pathlib.Path.home() / ".cache" / "nano-inductor"))

import torch

from nano import config as settings
from nano import profile, stages, store, warm

HERE = pathlib.Path(__file__).resolve().parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of all results; finished stages in it are skipped")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stage", action="append", choices=stages.NAMES, help="run only this stage (may be repeated)")
    parser.add_argument("--skip", action="append", default=[], choices=stages.NAMES, help="leave this stage out (may be repeated)")
    parser.add_argument("--until", choices=stages.NAMES, help="stop after this stage")
    parser.add_argument("--force", action="store_true", help="run the named stages again")
    parser.add_argument("--deadline", type=float, metavar="SECONDS",
                        help="for the whole run from its start: training stages fill the time by their shares, whatever their steps")
    parser.add_argument("--smoke", action="store_true", help="a few steps of every stage at the real batch sizes")
    parser.add_argument("--tiny", action="store_true", help="a few steps of small networks, for a processor")
    parser.add_argument("--budget-scale", type=float, default=1.0, help="multiplies the steps and seconds of every training stage")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--no-warm", action="store_true", help="one process for all stages, instead of a second one that compiles what they run while the VAE is trained")
    parser.add_argument("--profile", action="append", choices=["vae", "flow", "distill"],
                        help="train nothing, but time a step and list its kernels (may be repeated); give it an --out of its own")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="override, such as flow.muon_lr=0.01")
    parser.add_argument("--behind", type=float, help=argparse.SUPPRESS)  # the second process; when the first began
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def main() -> int:
    a = arguments()
    name = "smoke" if a.smoke else "tiny" if a.tiny else "full"
    config = settings.load(name, a.budget_scale)
    for change in a.set:
        settings.override(config, change)
    if a.deadline:
        settings.lift_steps(config)
    a.out.mkdir(parents=True, exist_ok=True)
    store.write_json(a.out / "result" / "config.json", {"name": name, "seed": a.seed, "deadline": a.deadline, "torch": torch.__version__, **config})
    wanted = stages.NAMES[: stages.NAMES.index(a.until) + 1] if a.until else list(stages.NAMES)
    wanted = [stage for stage in wanted if stage not in a.skip and (not a.stage or stage in a.stage)]
    compiled = not a.no_compile and torch.device(a.device).type == "cuda"
    begun = a.behind or START
    run = stages.Run(config, a.out, a.seed, a.device, compiled, wanted, begun, begun + a.deadline if a.deadline else None)
    if a.profile:
        profile.measure(run, a.profile)
        return 0
    again = bool(a.force and a.stage)
    behind = wanted[wanted.index("vae") + 1 :] if "vae" in wanted else []
    if a.behind:
        return follow(run, behind, a.device, again)
    if a.no_warm or run.finished("vae") and not again:
        behind = []
    second = subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--behind", str(START)], stdin=subprocess.PIPE, text=True) if behind else None
    failed = 0
    try:
        for stage in wanted[: len(wanted) - len(behind)]:
            if stage == "vae" and second is not None and run.finished("data"):
                tell(second, "data")
            failed += not attempt(run, stage, again)
        if second is not None and run.made("vae"):
            run.release()
            tell(second, "vae")
            if second.wait() != 0:  # it was lost, or a stage failed in it: once more here, where something is left
                failed += sum(not (run.made(stage) or attempt(run, stage, True)) for stage in behind)
    finally:
        if second is not None and second.poll() is None:
            second.kill()
    print(f"[run] {time.monotonic() - START:.1f} s, failed stages: {failed}", flush=True)
    return int(failed > 0)


def tell(second: subprocess.Popen, stage: str) -> None:
    """Tells the second process that a stage is done."""
    with contextlib.suppress(BrokenPipeError):  # it is lost; waiting for it will show that
        second.stdin.write(stage + "\n")
        second.stdin.flush()


def follow(run: stages.Run, behind: list[str], device: str, again: bool) -> int:
    """The process of the stages behind the VAE: compiles what they run until it is told that there is a VAE, then runs them. Returns how
    many failed, or 1 where the other process is gone."""
    if run.compiled:
        try:
            warm.prepare(run.config, device)
        except Exception:  # noqa: BLE001 (the stages compile what they do not find)
            traceback.print_exc()
    for stage in ("data", "vae"):
        if sys.stdin.readline().strip() != stage:
            return 1
        run.pool()
    return sum(not attempt(run, stage, again) for stage in behind)


def attempt(run: stages.Run, stage: str, again: bool) -> bool:
    """Runs a stage. What goes wrong in one is printed and noted, and costs only the stages that need it."""
    start = time.monotonic()
    if run.finished(stage) and not again:
        print(f"[{stage}] kept", flush=True)
        return True
    if missing := run.missing(stage):
        print(f"[{stage}] left out: there is no result of {', '.join(missing)}", flush=True)
        return False
    if stage == "ablation" and run.left() < run.ablation_time():
        print(f"[{stage}] left out: {run.left():.0f} s are left", flush=True)
        return True
    try:
        run.run(stage)
    except Exception as error:  # noqa: BLE001 (a later stage's result is worth more than a clean end)
        traceback.print_exc()
        run.note(stage, time.monotonic() - start, f"{type(error).__name__}: {error}")
        return False
    run.note(stage, time.monotonic() - start)
    return True


if __name__ == "__main__":
    sys.exit(main())
