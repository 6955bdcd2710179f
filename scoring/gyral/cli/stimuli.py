"""``gyral stimuli``: a benchmark's stimuli as files, with a table of ids and hashes."""

import csv
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gyral.benchmarks.installed import find_benchmark
from gyral.cli.progress import reporting
from gyral.errors import BadUpload

if TYPE_CHECKING:
    from gyral.datasets.stimulus import StimulusSet

TABLE = "stimuli.csv"


@click.command("stimuli")
@click.argument("benchmark")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write; new or empty.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def stimuli(benchmark: str, out: Path, quiet: bool) -> None:
    """Write the stimuli of BENCHMARK: image or sound files, and stimuli.csv with ids, sha256 and texts in order.

    Features computed from them are uploaded under these ids and hashes. Their licence is yours to keep: what a
    site may not show, you may not publish.
    """
    found = find_benchmark(benchmark)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadUpload("there is something already.", where=str(out), mend="Name a new folder.", code="not-empty")

    from gyral.datasets.catalogue import open_dataset  # slow import (pandas), after the cheap checks

    with reporting("none" if quiet else "bar") as report:
        dataset = open_dataset(found.dataset, progress=report)
        write_stimuli(dataset.stimuli, out)
    if not quiet:
        click.echo(
            f"{len(dataset.stimuli)} stimuli of {found.id} in {out} (licence: {dataset.about.licence or '?'})"
        )


def write_stimuli(items: "StimulusSet", out: Path) -> None:
    """Write the files and the table, whole or not at all.

    Raises
    ------
    BadDataset
        A stimulus file is missing or was changed.
    OutOfResources
        The disk is full.
    """
    from gyral.datasets.folder import whole_folder  # beside its only use

    items.verify()
    with whole_folder(out.resolve()) as scratch:
        names = [""] * len(items)
        if items.files is not None:
            folder = "sounds" if items.modality == "sound" else "images"
            names = [f"{folder}/{file.name}" for file in items.files]
            (scratch / folder).mkdir()
            for name, file in zip(names, items.files, strict=True):
                shutil.copyfile(file, scratch / name)
        texts = items.texts or ("",) * len(items)
        groups = items.groups or ("",) * len(items)
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["id", "sha256", "file", "text", "group"])
        writer.writerows(zip(items.ids, items.hashes, names, texts, groups, strict=True))
        (scratch / TABLE).write_text(table.getvalue(), "utf-8")
