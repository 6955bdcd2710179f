"""``gyral data check``: what a source or a pack holds, what is missing, whether its split leaks, its ceilings."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gyral.cli.data_install import raise_first_fault
from gyral.cli.number import number
from gyral.cli.progress import reporting
from gyral.cli.target import folder_meant
from gyral.datasets import catalogue
from gyral.errors import Unavailable, UnknownName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gyral.datasets.dataset import Dataset

# Of which the reliability is told; more would say no more of a median.
_MOST_UNITS = 1000


@click.command("check")
@click.argument("target")
@click.option(
    "--files", "files_only", is_flag=True, help="Only hash every file of a pack, and look at every number."
)
@click.option("--quiet", is_flag=True, help="No progress bar, no report of what is sound.")
@click.pass_context
def check(context: click.Context, target: str, files_only: bool, quiet: bool) -> None:
    """Say what TARGET holds and what is wrong with it: a dataset's name, or a folder with a dataset.toml.

    A name goes first; a folder that is called like a dataset is meant by its path, ./NAME.

    Of files that are to become a pack: whether they fit each other, from headers and tables. Of a pack: every hash and
    number, shapes, repeats, what a reader must be told, the leakage canaries and the ceilings. Exit status 1 where the
    pack may not have a board.
    """
    from gyral.datasets.source import is_source  # slow: pydantic models

    folder = folder_meant(target)
    if folder is not None and is_source(folder):
        if files_only:
            raise click.UsageError(
                "--files has no effect here: it goes with a pack, and this folder is to become one."
            )
        _check_source(folder, quiet)
        return
    pack = _find(target) if folder is None else folder
    count = raise_first_fault(pack, quiet=quiet)
    if files_only:
        if not quiet:
            click.echo(f"{target}: {count} files are as they were written")
        return
    from gyral.cli.audit import audit  # slow: torch
    from gyral.datasets.pack import read_pack

    if not quiet:
        _describe(read_pack(pack), count)
    # By its path: a folder that is called like a dataset is this folder all the same.
    named = target if folder is None else str(pack.absolute())
    context.invoke(audit, dataset=named, split="declared", folds=None, gap=0, seed=0, file=None, quiet=quiet)


def _find(name: str) -> Path:
    if name not in catalogue.dataset_names():
        raise UnknownName("dataset", name, catalogue.dataset_names())
    pack = catalogue.find_pack(name)
    if pack is None:
        raise Unavailable(
            f"dataset {name!r} is not here yet.",
            mend=f"Bring it with `gyral data fetch {name}`.",
            code="dataset-unavailable",
        )
    return pack


def _check_source(folder: Path, quiet: bool) -> None:
    """Whether files fit each other, without reading responses."""
    from gyral.cli.data_install import judge_of  # slow: pydantic models
    from gyral.datasets.facts import planned_facts
    from gyral.datasets.manifest import MANIFEST
    from gyral.datasets.source import read_source
    from gyral.datasets.source_plan import plan_source

    source = read_source(folder)
    judge = judge_of(source.benchmark, folder / MANIFEST)
    with (
        tempfile.TemporaryDirectory(prefix="gyral-check-") as scratch,
        reporting("none" if quiet else "bar") as report,
    ):
        plan = plan_source(source, folder, Path(scratch), progress=report)
    if judge is not None:
        judge(planned_facts(source, plan))
    if quiet:
        return
    click.echo(f"{folder}: {len(plan.stimuli)} stimuli ({plan.stimuli.modality})")
    for subject, rows in plan.rows.items():
        click.echo(
            f"  {subject}: {rows} rows x {plan.units[subject]} units, at most {plan.repeats(subject)} repeats"
        )
    for note in plan.notes:
        click.echo(f"  note: {note}")
    click.echo(f"Headers and tables fit each other; `gyral data build {folder}` reads the data.")


def _describe(dataset: "Dataset", files: int) -> None:
    """Shapes, repeats, and what a page and a citation would lack."""
    from gyral.datasets.repeats import presentations

    click.echo(f"{dataset.name}: {dataset.named_samples}, {files} files, content {dataset.content_hash[:16]}")
    responses = dataset.responses
    repeats = {} if responses is None else responses.repeats
    for subject, values in {}.items() if responses is None else responses.values.items():
        told = ""
        if subject in repeats:
            least, most = presentations(repeats[subject])
            told = f", {least} repeats" if least == most else f", {least} to {most} repeats"
        click.echo(f"  {subject}: {values.shape[0]} rows x {values.shape[1]} units{told}")
    for name, rdms in dataset.rdms.items():
        click.echo(f"  {name}: {rdms.values.shape[0]} subjects x {rdms.values.shape[1]} matrices")
    for line in (_reliability(dataset), _left_out(dataset)):
        if line:
            click.echo(f"  {line}")
    if dataset.stimuli.shown:
        click.echo(f"  images: {dataset.stimuli.shown}")
    if constant := dataset.extra.get("constant_units"):
        click.secho(f"  note: {constant} units never change and cannot be scored", fg="yellow")
    about = dataset.about
    for field in ("licence", "citation", "url"):
        if not getattr(about, field).strip():
            click.secho(f"  note: about.{field} is empty; a page shows it", fg="yellow")
    if about.drawn_from is None:
        click.secho("  note: about.drawn_from is not stated; contamination cannot be told", fg="yellow")
    click.echo()


def _reliability(dataset: "Dataset") -> str:
    """What repeats say of one region, the board's main one or the first; empty where nothing was shown twice."""
    responses = dataset.responses
    if responses is None or not responses.repeats or not dataset.regions:
        return ""
    import numpy as np

    asked = (dataset.extra.get("benchmark") or {}).get("main_region")
    names = [r.name for r in dataset.regions]
    region = dataset.region(asked if asked in names else names[0])
    values = np.concatenate([_halves(dataset, subject, region.units) for subject in responses.repeats])
    known = values[np.isfinite(values)]
    if not known.size:
        return f"reliability: not known in {region.name} (fewer than four stimuli with repeats, or constant units)"
    of = "" if len(values) == len(region) else f" of {len(region)}"
    return f"reliability: split-half median {number(float(np.median(known)))} in {region.name} ({known.size}{of} units)"


def _halves(dataset: "Dataset", subject: str, units: "NDArray[np.integer[Any]]") -> "NDArray[np.floating[Any]]":
    """Split-half reliability of a subject's units among ``units``, of some evenly spaced where there are many."""
    import numpy as np

    from gyral.scores.halves import split_half  # slow import

    own = np.flatnonzero((dataset.units["subject"] == subject).to_numpy())
    mine = np.intersect1d(units, own)
    if dataset.responses is None or not len(mine):
        return np.array([])
    chosen = mine[np.unique(np.linspace(0, len(mine) - 1, min(_MOST_UNITS, len(mine))).astype(int))]
    # units of a subject stand together
    return split_half(np.asarray(dataset.responses.repeats[subject][:, :, chosen - own[0]]), 0).noise_ceiling


def _left_out(dataset: "Dataset") -> str:
    """Units that the build left out, as the pack tells; empty where none were."""
    from gyral.datasets.source_build import LEFT_OUT  # slow import

    told = dataset.extra.get(LEFT_OUT)
    if not isinstance(told, dict) or not all(isinstance(n, int) for n in told.values()) or not told:
        return ""
    count = sum(told.values())
    whose = next(iter(told)) if len(told) == 1 else ", ".join(f"{s}: {n}" for s, n in told.items())
    return f"left out: {count} unit{'s' if count != 1 else ''} with NaN ({whose})"
