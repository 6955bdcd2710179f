"""``gyral holdout``: the part of a benchmark's data that no shown score was made of; for operators."""

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from gyral.benchmarks.catalogue import BUNDLED
from gyral.benchmarks.installed import find_benchmark
from gyral.cli.place import force_option, require_ours
from gyral.cli.progress import Style, emit, reporting
from gyral.cli.speaking import speaking_json
from gyral.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gyral.benchmarks.benchmark import Benchmark
    from gyral.datasets.dataset import Dataset
    from gyral.models.model import Model


@click.group()
def holdout() -> None:
    """Keep a part of a benchmark's data back, and score models on it (operators only)."""


@holdout.command("make")
@click.argument("benchmark")
@click.option("--force", is_flag=True, help="Replace the part that is here; scores on it lose their meaning.")
def make(benchmark: str, force: bool) -> None:
    """Make the holdout part of the simulated BENCHMARK, from a seed that is told to nobody."""
    from gyral.datasets.holdout import has_holdout, make_holdout  # slow import (pandas)

    found, public = _declared(benchmark)
    if has_holdout(found.name) and not force:
        click.echo(f"{found.name}: its holdout part is here")
        return
    with reporting("bar") as report:
        make_holdout(found.name, public, progress=report)
    click.echo(f"{found.name}: made its holdout part")


@holdout.command("install")
@click.argument("benchmark")
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the part that is here; scores on it lose their meaning.")
def install(benchmark: str, pack: Path, force: bool) -> None:
    """Check the pack folder PACK and keep it as the holdout part of BENCHMARK."""
    from gyral.datasets.holdout import has_holdout, install_holdout  # slow import (pandas)

    found, public = _declared(benchmark)
    if has_holdout(found.name) and not force:
        raise UserError(
            f"{found.name} has a holdout part.", mend="--force replaces it.", where=str(pack), code="holdout-taken"
        )
    with reporting("bar") as report:
        install_holdout(found.name, public, pack, progress=report)
    click.echo(f"{found.name}: installed its holdout part")


@holdout.command("score")
@click.argument("model")
@click.option("-b", "--benchmark", required=True, metavar="NAME[@VERSION]")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="File for {region: score}; no record is kept."
)
@force_option
@click.option("--device", default="cpu", show_default=True)
@click.option("--isolated", is_flag=True, help="Run the model in a guest process, as the site does.")
@click.option("--progress", type=click.Choice(["bar", "json", "none"]), default="bar", show_default=True)
def score(model: str, benchmark: str, out: Path, force: bool, device: str, isolated: bool, progress: str) -> None:
    """Score MODEL on the holdout part of a benchmark, and write one number a region; nothing else is kept."""
    style = cast("Style", progress)

    def run() -> None:
        found, public = _declared(benchmark)
        # What is written begins with the first region; no other file of ours does.
        require_ours(out, "--out", f"{{{json.dumps(public.regions[0].name)}: ", force=force)
        from gyral.datasets.holdout import open_holdout  # slow import (pandas)
        from gyral.evaluate import evaluate  # brings torch

        held = open_holdout(found.name, public)
        # Features of stimuli that nobody may know are kept in no cache.
        with reporting(style) as report, tempfile.TemporaryDirectory() as scratch:
            result = evaluate(
                _opened(model, device, isolated),
                found,
                held,
                device=device,
                controls="none",
                progress=report,
                features_in=Path(scratch),
            )
        rows = {region.name: result.record.main(region.name) for region in public.regions}
        chosen = {name: None if row is None else row.value for name, row in rows.items()}
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(chosen, stream)
        if style == "json":
            emit({"record": str(out)})

    if style == "json":
        speaking_json(run)
    else:
        run()


def _declared(reference: str) -> "tuple[Benchmark, Dataset]":
    """A benchmark that holds a part back, and its public part."""
    found = find_benchmark(reference)
    if not found.holdout:
        raise UserError(
            "it holds nothing back.",
            where=f"benchmark {reference!r}",
            mend="A benchmark of one's own does where the [benchmark] of its dataset.toml says `holdout = true`: add the line, then "
            "`gyral data build` and `gyral data install` (docs/your_data.md). Of the bundled ones these do: "
            f"{', '.join(b.name for b in BUNDLED if b.holdout)}.",
            code="holds-nothing-back",
        )
    from gyral.datasets.catalogue import open_dataset

    return found, open_dataset(found.dataset)


def _opened(model: str, device: str, isolated: bool) -> "Sequence[Model]":
    from gyral.models.catalogue import open_model

    if not isolated:
        return open_model(model, device=device)
    from gyral.isolation.host import isolated as guests

    return guests(Path(model), twin=None, seeds=(0,), device=device)
