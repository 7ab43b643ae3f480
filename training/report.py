"""The tables of README.md from a run's logs and results: python training/report.py OUT. With --sheet FILE also the first pictures of the
ablation's three variants, a row each."""

import json
import pathlib
import sys

LOSSES = {"vae": ("loss", "kl"), "flow_low": ("loss", "plain"), "flow_native": ("loss", "plain"),
          "distill": ("kind", "guided", "ca", "dm", "fake", "deviation")}
SCORES = {"shapes": "kind", "colours": "color", "places": "place", "characters": "characters", "sizes": "size", "backgrounds": "background"}


def lines(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def table(*rows: tuple) -> None:
    if len(rows) < 2:
        return
    for i, row in enumerate(rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")
        if i == 0:
            print("| --- |" + " ---: |" * (len(row) - 1))
    print()


def stages(out: pathlib.Path) -> None:
    steps = {name: next((row["step"] for row in reversed(lines(out / "log" / f"{name}.jsonl")) if "step" in row), "") for name in LOSSES}
    rows = lines(out / "log" / "stages.jsonl")
    table(("stage", "s", "peak GiB", "steps"), *((r["stage"], r["seconds"], r.get("peak_gib", 0), steps.get(r["stage"], "")) for r in rows))


def losses(out: pathlib.Path, count: int = 5) -> None:
    rows = []
    for stage, names in LOSSES.items():
        found = [row for row in lines(out / "log" / f"{stage}.jsonl") if "progress" in row]
        for i in sorted({round(k * (len(found) - 1) / (count - 1)) for k in range(count)} if found else ()):
            rows.append((stage, found[i]["step"], ", ".join(f"{name} {found[i][name]:.3g}" if isinstance(found[i][name], float)
                                                            else f"{name} {found[i][name]}" for name in names if name in found[i])))
    table(("stage", "step", "values"), *rows)


def scores(path: pathlib.Path) -> None:
    if path.exists():
        rows = json.loads(path.read_text(encoding="utf-8"))
        table(("", "captions", *SCORES), *((name, row["captions"], *(f"{100 * row[key]:.1f}" for key in SCORES.values())) for name, row in rows.items()))


def ablation_sheet(out: pathlib.Path, path: str, row: int = 2, side: int = 160) -> None:
    """One row of each variant's contact sheet."""
    from PIL import Image

    sheets = [Image.open(out / "result" / f"ablation_{name}.png") for name in ("both", "ca_only", "dm_only")]
    joined = Image.new("RGB", (sheets[0].width, side * len(sheets)))
    for i, sheet in enumerate(sheets):
        joined.paste(sheet.crop((0, row * side, sheet.width, (row + 1) * side)), (0, i * side))
    joined.resize((joined.width * 5 // 8, joined.height * 5 // 8), Image.LANCZOS).save(path, optimize=True)


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    if "--sheet" in sys.argv:
        ablation_sheet(out, sys.argv[sys.argv.index("--sheet") + 1])
    stages(out)
    losses(out)
    for name in ("evaluation", "sizes", "ablation"):
        scores(out / "result" / f"{name}.json")


if __name__ == "__main__":
    main()
