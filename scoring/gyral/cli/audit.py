"""``gyral audit``: whether a dataset's split leaks, and how much of its responses can be predicted at all."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from gyral.cli.console import open_console
from gyral.cli.number import number
from gyral.cli.place import force_option, require_ours, write
from gyral.cli.progress import reporting
from gyral.cli.target import folder_meant

if TYPE_CHECKING:
    from gyral.audit import Audit, RegionCeiling
    from gyral.canaries.finding import Finding
    from gyral.datasets.dataset import Dataset

_SPLITS = ("declared", "contiguous", "grouped", "leave-one-group-out", "shuffled")
_COLOURS = {"pass": "green", "warn": "yellow", "refuse": "red", "not-applicable": None}


@click.command()
@click.argument("dataset")
@click.option(
    "--split",
    type=click.Choice(_SPLITS),
    default="declared",
    help="Audit another split; 'shuffled' shows the damage and never scores a board.",
)
@click.option("--folds", type=click.IntRange(2), help="Folds of another split; default as declared.")
@click.option(
    "--gap", type=click.IntRange(0), default=0, help="Rows left out of training beside contiguous folds."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Also write the report to FILE."
)
@force_option
@click.option("--quiet", is_flag=True, help="No progress bar.")
def audit(
    dataset: str, split: str, folds: int | None, gap: int, seed: int, file: Path | None, force: bool, quiet: bool
) -> None:
    """Run every leakage canary on DATASET (a name or a pack's folder) and estimate its ceilings.

    Exit status 1 where a canary refuses the split.
    """
    if split in ("declared", "leave-one-group-out") and folds is not None:
        raise click.UsageError(f"--folds goes with a split that is cut into folds, not with {split!r}.")
    if split != "contiguous" and gap:
        raise click.UsageError("--gap goes with --split contiguous.")
    if file is not None:
        require_ours(file, "--json", '"findings"', force=force)
    from gyral.audit import SplitName, split_of  # slow: torch
    from gyral.audit import audit as run

    found = open_named(dataset)
    declared = _declared(found)
    kind: SplitName = next(k for k in get_args(SplitName) if k == split)
    chosen = split_of(found, kind, folds=folds, gap=gap, seed=seed)
    with reporting("none" if quiet else "bar") as report:
        made = run(found, chosen, seed=seed, progress=report, **declared)
    _print(made, _counted(found, declared))
    if file is not None:
        write(file, made.model_dump_json(indent=1) + "\n")
    if made.refused:
        sys.exit(1)


def open_named(name: str) -> "Dataset":
    """The dataset of that name, or the pack in a folder.

    A dataset's name goes first (`gyral.cli.target.folder_meant`).
    """
    from gyral.datasets.catalogue import open_dataset  # slow: pandas

    if (folder := folder_meant(name)) is not None:
        from gyral.datasets.pack import verify_pack

        return verify_pack(folder)
    return open_dataset(name)


def _declared(dataset: "Dataset") -> dict[str, Any]:
    """What a pack's own benchmark, else the first of this machine on the dataset, asks for: ceiling, and metric and RDMs of RSA."""
    if own := dataset.extra.get("benchmark"):
        similar = {k: own[k] for k in ("metric", "rdm") if k in own and own.get("task") == "rsa"}
        return {"ceiling": own.get("ceiling"), **similar}
    from gyral.benchmarks.installed import all_benchmarks

    for benchmark in all_benchmarks():
        if benchmark.dataset == dataset.name:
            similar = {"metric": benchmark.metric, "rdm": benchmark.rdm} if benchmark.task == "rsa" else {}
            return {"ceiling": benchmark.ceiling, **similar}
    return {}


def _counted(dataset: "Dataset", declared: dict[str, Any]) -> str:
    """What a region has several of, as a table heads it."""
    if dataset.triplets is not None:
        return "people"
    similar = dataset.responses is None or declared.get("ceiling") == "rdm-bounds"
    return "subjects" if similar else "units"


def _print(report: "Audit", counted: str) -> None:
    from rich.table import Table  # slow import, only for tables

    click.secho(f"{report.dataset}: {report.title}", bold=True)
    units = f", {report.units} units" if report.units else ""
    subjects = f", {report.subjects} subject{'s' if report.subjects != 1 else ''}" if report.subjects else ""
    click.echo(
        f"{report.samples} stimuli{units}{subjects}; split {report.split}"
        + (" (not the declared one: for an audit only)" if not report.declared else "")
    )
    if report.simulated:
        click.echo("simulated data")
    click.secho("\nCanaries", bold=True)
    for finding in report.findings:
        click.secho(f"  {finding.verdict:<15}", fg=_COLOURS[finding.verdict], nl=False)
        click.echo(f"{finding.title}{_interval(finding)}")
        click.echo(f"{'':17}{finding.reason}" + (f" {finding.mend}" if finding.mend else ""))
    click.secho("\nCeilings", bold=True)
    if report.ceiling_note:
        click.echo(f"  {report.ceiling_note}")
    if report.ceilings:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        left, spread = ("  region", "in", "estimated by"), _spread_of(report)
        for title in ("  region", "ceiling", "95 % interval", "in", *spread, counted, "left out", "estimated by"):
            table.add_column(title, justify="left" if title in left else "right")
        for row in report.ceilings:
            table.add_row(*_cells(row, spread=bool(spread)))
        open_console().print(table)
    refused = len(report.refused)
    click.echo()
    if refused:
        click.secho(
            f"{refused} canar{'ies refuse' if refused > 1 else 'y refuses'} this split for a board.", fg="red"
        )
    else:
        click.secho("No canary refuses this split.", fg="green")


def _interval(finding: "Finding") -> str:
    score = finding.score
    if score is None:
        return ""
    between = f"{number(score.low)} to {number(score.high)}"
    return f": r = {number(score.value)}, 95 % interval {between} ({score.region})"


def _spread_of(report: "Audit") -> tuple[str, ...]:
    """Head of the column between a ceiling and what it is of; none where there is nothing to say in it."""
    if all(row.lower_quartile is None for row in report.ceilings):
        return ()
    return ("lower bound" if any(row.kind == "rdm-bounds" for row in report.ceilings) else "quartiles of units",)


def _cells(row: "RegionCeiling", *, spread: bool) -> tuple[str, ...]:
    known = row.value is not None
    between = f"{number(row.low)} to {number(row.high)}" if row.low is not None else "-"
    middle = "-"
    if row.kind == "rdm-bounds":
        middle = number(row.lower_quartile)
    elif row.upper_quartile is not None:
        middle = f"{number(row.lower_quartile)} to {number(row.upper_quartile)}"
    cells = (
        number(row.value) if known else "-",
        between,
        row.unit if known else "-",
        *([middle] if spread else []),
    )
    return f"  {row.region}", *cells, str(row.units), str(row.left_out), row.kind
