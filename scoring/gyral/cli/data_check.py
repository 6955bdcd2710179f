"""``gyral data check``: what a source or a pack holds, what is missing, whether its split leaks, its ceilings."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gyral.cli.data_install import raise_first_fault
from gyral.cli.progress import reporting
from gyral.cli.target import folder_meant
from gyral.datasets import catalogue
from gyral.errors import Unavailable, UnknownName

if TYPE_CHECKING:
    from gyral.datasets.dataset import Dataset


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
    if constant := dataset.extra.get("constant_units"):
        click.secho(f"  note: {constant} units never change and cannot be scored", fg="yellow")
    about = dataset.about
    for field in ("licence", "citation", "url"):
        if not getattr(about, field).strip():
            click.secho(f"  note: about.{field} is empty; a page shows it", fg="yellow")
    if about.drawn_from is None:
        click.secho("  note: about.drawn_from is not stated; contamination cannot be told", fg="yellow")
    click.echo()
