"""Every readout on every bundled pretrained network: the table and the plot of docs/readouts.md.

    python tests/benchmarks/readouts.py run                 score what is not yet scored (hours on two cores)
    python tests/benchmarks/readouts.py run --only gaussian --model efficientnet-lite0
    python tests/benchmarks/readouts.py table               Markdown tables of what has been scored
    python tests/benchmarks/readouts.py gains               paired differences from ridge, with their intervals
    python tests/benchmarks/readouts.py plot OUT.svg        the readout gap: what each family gains over ridge

All readouts of a network read the same layers (listed below: about six, evenly spaced), in the same folds, with the
layer chosen inside training rows. Records are kept under GYRAL_HOME and scored by `gyral score --no-controls`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

from gyral.benchmarks.catalogue import find_benchmark
from gyral.places import home
from gyral.record import CHOSEN, Record
from gyral.result import load_record, load_redraws
from gyral.scores.conditional import Redraws

LAYERS = {
    "efficientnet-lite0": ("blocks.1", "blocks.4", "blocks.7", "blocks.10", "blocks.13", "blocks.15"),
    "efficientnet-lite1": ("blocks.2", "blocks.6", "blocks.10", "blocks.14", "blocks.18", "blocks.20"),
    "images": ("rgb",),
    "minilm-l6": ("embeddings", "block.1", "block.3", "block.5"),
    "paraphrase-minilm": ("model.0.auto_model.embeddings", "*.layer.0", "*.layer.1", "*.layer.2"),
    "smollm2-135m": ("embeddings", "block.5", "block.11", "block.17", "block.23", "block.29"),
    "glove-50": ("words",),
}
BENCHMARKS = {
    "cowley2023-v4": ("efficientnet-lite0", "efficientnet-lite1", "images"),
    "tuckute2024": ("minilm-l6", "paraphrase-minilm", "smollm2-135m", "glove-50"),
}
# In the order of the tables: linear, factorised, attention, all layers at once.
READOUTS = (
    "ridge",
    "gap",
    "ridge-fixed",
    "ols",
    "pls",
    "fwrf",
    "factorized",
    "gaussian",
    "semantic",
    "attention",
    "attention-full",
    "banded",
    "ensemble",
    "stack",
    "stack:readouts=ridge+fwrf+attention",
)
END_TO_END = "response-optimized"


def jobs() -> list[tuple[str, str, str]]:
    """(benchmark, model, readout) of every cell, cheap ones first."""
    cells = []
    for readout in (*READOUTS, END_TO_END):
        for benchmark, models in BENCHMARKS.items():
            for model in models:
                if (model == "images") == (readout == END_TO_END):
                    cells.append((benchmark, model, readout))
    return cells


def folder(benchmark: str, model: str, readout: str) -> Path:
    """Where the record of a cell is kept."""
    return home() / "readouts" / f"{benchmark}.{model}.{readout.replace(':', '.').replace('=', '.')}"


def run(only: str | None, model: str | None) -> None:
    """Score the cells that have no record yet; a cell that fails is told and left out."""
    for benchmark, name, readout in jobs():
        out = folder(benchmark, name, readout)
        if (only and readout != only) or (model and name != model) or (out / "record.json").is_file():
            continue
        command = [
            "gyral",
            "score",
            name,
            "-b",
            benchmark,
            "--readout",
            readout,
            "--out",
            str(out),
            "-q",
            "--no-controls",
        ]
        for layer in LAYERS[name]:
            command += ["--layers", layer]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"{benchmark} {name} {readout}: {done.stderr.strip().splitlines()[-1:]}", flush=True)
            continue
        record = load_record(out)
        print(f"{benchmark} {name} {readout}: {record.timing.readout_seconds:.0f} s", flush=True)


def records() -> dict[tuple[str, str, str], Record]:
    """What has been scored."""
    return {job: load_record(folder(*job)) for job in jobs() if (folder(*job) / "record.json").is_file()}


def table() -> None:
    """A Markdown table a benchmark: model x readout for the main region, region x readout below."""
    found = records()
    for benchmark, models in BENCHMARKS.items():
        here = {(m, r): rec for (b, m, r), rec in found.items() if b == benchmark}
        regions = list(dict.fromkeys(row.region for rec in here.values() for row in rec.rows))
        shown = [r for r in (*READOUTS, END_TO_END) if any(name == r for _, name in here)]
        for region in regions:
            print(f"\n### {benchmark}: {region}\n")
            there = [m for m in models if any(name == m for name, _ in here)]
            print("| readout | " + " | ".join(there) + " |\n|---|" + "---|" * len(there))
            for readout in shown:
                print(f"| `{readout}` | " + " | ".join(cell(here.get((m, readout)), region) for m in there) + " |")


def cell(record: Record | None, region: str) -> str:
    """Value with its interval."""
    row = record.main(region) if record else None
    if row is None or row.value is None:
        return ""
    return f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]"


def gains() -> None:
    """What each readout gains over ridge in the main region, by differences on the same redraws."""
    found = records()
    for benchmark, models in BENCHMARKS.items():
        there = [m for m in models if (benchmark, m, "ridge") in found]
        print(f"\n| {benchmark} | " + " | ".join(there) + " |\n|---|" + "---|" * len(there))
        for readout in READOUTS[1:]:
            cells = [_gain((benchmark, m, readout), (benchmark, m, "ridge"), found) for m in there]
            if any(cells):
                print(f"| `{readout}` | " + " | ".join(cells) + " |")


def _gain(
    one: tuple[str, str, str], other: tuple[str, str, str], found: dict[tuple[str, str, str], Record]
) -> str:
    if one not in found:
        return ""
    region = find_benchmark(one[0]).main_region
    values, drawn, groups = zip(*(_redrawn(job, found[job], region) for job in (one, other)), strict=True)
    difference = np.array([values[0] - values[1]])
    paired = Redraws(difference, difference + (drawn[0] - drawn[1])[:, None], groups[0]).intervals()[0]
    star = "*" if paired.low > 0 or paired.high < 0 else ""
    return f"{paired.value:+.3f} [{paired.low:+.3f}, {paired.high:+.3f}]{star}"


def _redrawn(job: tuple[str, str, str], record: Record, region: str) -> tuple[float, np.ndarray, int]:
    row = record.main(region)
    deviations = load_redraws(folder(*job))
    if row is None or row.value is None or deviations is None:
        raise SystemExit(f"{folder(*job)}: no redraws of {region}")
    return row.value, deviations[:, record.chosen.index(row)].astype(float), row.interval_groups


def plot(out: Path) -> None:
    """What each readout gains over ridge, per region and network."""
    import matplotlib as mpl  # only for the picture

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "gyral"
    found = records()
    shown = [r for r in READOUTS if r != "ridge" and any(name == r for _, _, name in found)]
    figure, axes = plt.subplots(1, len(BENCHMARKS), figsize=(10, 1.2 + 0.32 * len(shown)), sharey=True)
    for axis, (benchmark, models) in zip(axes, BENCHMARKS.items(), strict=True):
        for k, model in enumerate(m for m in models if m != "images"):
            base = found.get((benchmark, model, "ridge"))
            if base is None:
                continue
            regions = [r.region for r in base.rows if r.layer == CHOSEN and r.subject == "all"]
            for y, readout in enumerate(shown):
                other = found.get((benchmark, model, readout))
                if other is None:
                    continue
                gains = [_value(other, r) - _value(base, r) for r in regions]
                axis.plot(
                    gains,
                    np.full(len(gains), y + 0.15 * k),
                    "o",
                    ms=4,
                    color=f"C{k}",
                    label=model if not y else None,
                )
        axis.axvline(0, color="0.6", lw=1)
        axis.set_yticks(range(len(shown)), shown)
        axis.set_title(f"{benchmark}: one point a region")
        axis.set_xlabel("gain in r over ridge")
        axis.grid(axis="y", lw=0.3)
        axis.legend(fontsize=8)
    axes[0].invert_yaxis()
    figure.tight_layout()
    figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None)


def _value(record: Record, region: str) -> float:
    row = record.main(region)
    return float("nan") if row is None or row.value is None else row.value


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table", "gains", "plot"])
    parser.add_argument("out", nargs="?", type=Path, default=Path("readout-gap.svg"))
    parser.add_argument("--only", help="one readout")
    parser.add_argument("--model", help="one model")
    asked = parser.parse_args()
    if asked.what == "run":
        run(asked.only, asked.model)
    elif asked.what == "table":
        table()
    elif asked.what == "gains":
        gains()
    else:
        plot(asked.out)


if __name__ == "__main__":
    sys.exit(main())
