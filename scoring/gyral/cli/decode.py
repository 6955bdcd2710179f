"""``gyral decode``: which category was shown, from a dataset's responses alone."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gyral.cli.console import open_console
from gyral.cli.number import number
from gyral.cli.place import force_option, require_ours, write
from gyral.cli.progress import reporting

if TYPE_CHECKING:
    from gyral.decoding.report import Decoding, Number

_CLASSIFIERS = ("lda", "svc", "logistic", "centroid")


@click.command()
@click.argument("dataset")
@click.option("--region", "regions", multiple=True, metavar="NAME", help="Only this region; may be repeated.")
@click.option(
    "--classifier",
    "classifiers",
    multiple=True,
    type=click.Choice(_CLASSIFIERS),
    help="May be repeated; pairs of classes are decoded by the first. Default: lda, svc and centroid.",
)
@click.option("--labels", default="category", show_default=True, metavar="COLUMN", help="Column of the stimuli.")
@click.option(
    "--permutations", type=click.IntRange(0), default=200, show_default=True, help="Of labels inside runs, for p."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Also write the report to FILE."
)
@force_option
@click.option("--quiet", is_flag=True, help="No progress bar.")
def decode(
    dataset: str,
    regions: tuple[str, ...],
    classifiers: tuple[str, ...],
    labels: str,
    permutations: int,
    seed: int,
    file: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Decode the categories of DATASET (a name or a pack's folder), each run held out in turn.

    Every number stands beside chance, a 95 % interval over runs and a p-value.
    """
    if file is not None:
        require_ours(file, "--json", '"classes"', force=force)
    from gyral.cli.audit import open_named  # slow: pandas
    from gyral.decode import DEFAULT, decode_dataset

    found = open_named(dataset)
    with reporting("none" if quiet else "bar") as report:
        made = decode_dataset(
            found,
            regions=regions,
            classifiers=classifiers or DEFAULT,
            labels=labels,
            permutations=permutations,
            seed=seed,
            progress=report,
        )
    _print(made)
    if file is not None:
        write(file, made.model_dump_json(indent=1) + "\n")


def _print(report: "Decoding") -> None:
    from rich.table import Table  # slow import, only for tables

    click.secho(f"{report.dataset}: {report.title}", bold=True)
    click.echo(f"{len(report.classes)} classes of {report.labels!r}: {', '.join(report.classes)}")
    table = Table("region", "person", "classifier", "accuracy", "chance", "p", "pairs", "AUC of pairs", box=None)
    for r in report.results:
        pair = (
            ("-", "-")
            if r.pairwise is None or r.pairwise_auc is None
            else (_number(r.pairwise), _number(r.pairwise_auc))
        )
        p = number(r.accuracy.p)
        row = (r.region, r.person, r.classifier, _number(r.accuracy), number(r.accuracy.chance), p, *pair)
        table.add_row(*row)
    console = open_console()
    console.print(table)
    for r in report.results:
        if r.pairs and len(report.classes) > 2:
            click.echo(f"\nPairs in {r.region} by {r.classifier} (chance .5)")
            names = Table("", *report.classes, box=None)
            for name, values in zip(report.classes, r.pairs, strict=False):
                names.add_row(name, *("" if v is None else f"{v:.2f}" for v in values))
            console.print(names)
        if r.curve is not None:
            best = max(range(len(r.curve.auc)), key=r.curve.auc.__getitem__)
            click.echo(
                f"{r.region}, {r.person}: highest AUC at one time {r.curve.auc[best]:.2f} at {r.curve.times[best] * 1000:.0f} ms "
                f"(p = {r.curve.p[best]:.3f} over all times)"
            )
    for why in report.left_out:
        click.echo(f"left out: {why}")


def _number(found: "Number") -> str:
    between = "" if found.low is None or found.high is None else f" ({number(found.low)} to {number(found.high)})"
    return f"{number(found.value)}{between}"
