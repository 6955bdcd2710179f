"""``gyral extract``: a model's features of a benchmark's stimuli, as the folder a features upload accepts."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gyral.benchmarks.installed import find_benchmark
from gyral.cli.progress import reporting
from gyral.device import check_device
from gyral.errors import BadUpload, UserError

if TYPE_CHECKING:
    from gyral.models.model import Batch
    from gyral.progress import Progress


@click.command()
@click.argument("model")
@click.option(
    "-b", "--benchmark", required=True, metavar="NAME[@VERSION]", help="Whose stimuli the model is shown."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write; new or empty.")
@click.option("--layers", multiple=True, metavar="GLOB", help="Layers to read; may be repeated.")
@click.option("--words", is_flag=True, help="Sentences word by word, for readouts of positions.")
@click.option("--device", default="cpu", show_default=True, help="Where the model runs.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def extract(
    model: str, benchmark: str, out: Path, layers: tuple[str, ...], words: bool, device: str, quiet: bool
) -> None:
    """Write the features of MODEL for the stimuli of a benchmark: features.toml, ids.csv, one .npy a layer.

    MODEL is a name out of `gyral list models` or a path. The folder can be scored (`gyral score DIR`) and uploaded.
    """
    found = find_benchmark(benchmark)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadUpload("there is something already.", where=str(out), mend="Name a new folder.", code="not-empty")
    check_device(device)

    # Slow imports (torch, pandas) come after the cheap checks.
    from gyral.datasets.catalogue import open_dataset
    from gyral.datasets.folder import whole_folder
    from gyral.models.catalogue import open_model
    from gyral.models.features_writer import write_features
    from gyral.models.model import CARD_LAYERS, Reduction, choose_layers
    from gyral.models.words import word_positions

    draws = open_model(model, device=device)
    if len(draws) != 1:
        raise UserError(
            f"{model!r} stands for {len(draws)} models.", mend="Extract one model at a time.", code="many-models"
        )
    opened = draws[0]
    where = "layers" if layers else CARD_LAYERS
    wanted = choose_layers(opened.layers(), layers or opened.card.layers, where=where)
    with reporting("none" if quiet else "bar") as report:
        stimuli = open_dataset(found.dataset, progress=report).stimuli
        if words and stimuli.modality != "text":
            raise UserError(f"{found.id} shows no text.", where="--words", code="no-words")
        reduction = Reduction(found.grid, words=word_positions(stimuli) if words else 0, channels=found.channels)
        stimuli = stimuli.in_context() if found.context == "group" else stimuli
        batches = opened.batches(stimuli, wanted, reduction=reduction)
        with whole_folder(out.resolve()) as scratch:
            counted = _counted(batches, len(stimuli), report)
            write_features(scratch, opened.card, stimuli, counted, benchmark=found.id, words=words)
    if not quiet:
        click.echo(f"{len(wanted)} layers of {opened.card.name} for {len(stimuli)} stimuli of {found.id} in {out}")


def _counted(batches: "Iterator[Batch]", total: int, report: "Progress") -> "Iterator[Batch]":
    for batch in batches:
        report("features", batch.start, total)
        yield batch
    report("features", total, total)
