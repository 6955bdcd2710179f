"""``gyral overlap``: what a model was trained on against a benchmark's stimuli, as declared and in the data."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gyral.benchmarks.installed import find_benchmark
from gyral.cli.progress import reporting
from gyral.errors import UserError

if TYPE_CHECKING:
    from gyral.datasets.corpus import Overlap
    from gyral.datasets.overlap import Search

_SHOWN = 20


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("-b", "--benchmark", metavar="NAME[@VERSION]", help="Benchmark whose stimuli are looked for.")
@click.option("--model", metavar="MODEL", help="Also say what this model's card declares.")
@click.option("--list", "names", is_flag=True, help="Names of collections for `training_datasets` of a card.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def overlap(folder: Path | None, benchmark: str | None, model: str | None, names: bool, as_json: bool) -> None:
    """Look for a benchmark's stimuli in FOLDER, data that a model was trained on.

    Images are found whatever their size and encoding, sounds whatever their loudness and encoding, texts whatever their
    case and punctuation. Exit status 0: nothing was found (or declared); 1: something was.
    """
    if names:
        _list(as_json=as_json)
        return
    known = find_benchmark(benchmark) if benchmark is not None else None
    if known is None or (folder is None and model is None):
        raise click.UsageError("Give a benchmark (-b) and a folder of training data, or a model (--model).")
    from gyral.datasets.catalogue import open_dataset  # slow: pandas

    dataset = open_dataset(known.dataset)
    declared = _declared(model, dataset) if model is not None else None
    found = None
    if folder is not None:
        from gyral.datasets.overlap import search_folder

        with reporting("none" if as_json else "bar") as report:
            found = search_folder(dataset.stimuli, folder, progress=report)
    if as_json:
        click.echo(json.dumps({"declared": _plain(declared), "search": _plain(found)}, indent=1))
    else:
        _print(declared, found)
    if (declared is not None and declared.declared == "overlap") or (found is not None and found.hits):
        sys.exit(1)


def _declared(model: str, dataset: Any) -> "Overlap":
    from gyral.datasets.corpus import declared_overlap
    from gyral.models.catalogue import MODELS
    from gyral.models.upload import card_of, find_upload

    path = Path(model).expanduser()
    if model in MODELS:
        card = MODELS[model].card
    elif path.exists():
        card = card_of(find_upload(path))
    else:
        raise UserError(
            f"{model!r} is neither a reference model nor a path.", where="--model", code="unknown-name"
        )
    about = dataset.about
    return declared_overlap(card.training_datasets, dataset.name, about.drawn_from, made=about.simulated)


def _list(*, as_json: bool) -> None:
    from gyral.datasets.corpus import CORPORA

    if as_json:
        click.echo(json.dumps({name: asdict(corpus) for name, corpus in CORPORA.items()}, indent=1))
        return
    for name, corpus in CORPORA.items():
        click.echo(f"{name:20} {corpus.kind:6} {corpus.title}{' (gathered from the web)' if corpus.crawl else ''}")
    click.echo('dataset:NAME         any    a dataset that is scored on here, say "dataset:tuckute2024"')


def _plain(found: "Overlap | Search | None") -> dict[str, Any] | None:
    return asdict(found) if found is not None else None


def _print(declared: "Overlap | None", found: "Search | None") -> None:
    if declared is not None:
        click.secho(f"declared: {declared.title}", fg="red" if declared.declared == "overlap" else None, nl=False)
        click.echo(f". {declared.why}")
    if found is None:
        return
    click.secho(
        f"found: {found.found} of {found.compared} stimuli, in {found.files} files",
        fg="red" if found.hits else "green",
    )
    for hit in found.hits[:_SHOWN]:
        how = "the same" if hit.exact else f"alike ({hit.likeness:.2f})"
        click.echo(f"  {hit.stimulus}: {how}: {hit.file}")
    if len(found.hits) > _SHOWN:
        click.echo(f"  and {len(found.hits) - _SHOWN} more (`--json` lists all)")
    if found.compared < found.stimuli:
        click.echo(f"note: {found.stimuli - found.compared} stimuli are too short to be looked for")
    if found.passed_over:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(found.passed_over.items()))
        click.echo(f"note: files not looked at: {kinds}")
