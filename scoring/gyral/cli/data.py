"""``gyral data``: fetch and list datasets, and from one's own files to an installed pack."""

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gyral import places
from gyral.cli.console import open_console
from gyral.cli.data_build import build, init
from gyral.cli.data_check import check
from gyral.cli.data_install import install
from gyral.cli.data_preview import preview
from gyral.cli.progress import reporting
from gyral.datasets import catalogue
from gyral.errors import UserError

if TYPE_CHECKING:
    from gyral.datasets.manifest import Manifest

_quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors.")


@click.group("data")
def data() -> None:
    """Fetch and list datasets; make, check and install packs of your own.

    From your files to a board: init, build, check, preview, install (docs/your_data.md).
    """


for _command in (init, build, check, preview, install):
    data.add_command(_command)


@data.command("fetch")
@click.argument("name")
@click.option("--unverified", is_flag=True, help="Also try a public address nobody has been able to fetch yet.")
@click.option("--force", is_flag=True, help="Build the pack again even if it is there.")
@_quiet
def fetch(name: str, unverified: bool, force: bool, quiet: bool) -> None:
    """Bring the dataset NAME here: from the mirror, its public address, or by making it."""
    with reporting("none" if quiet else "bar") as report:
        dataset = catalogue.open_dataset(name, progress=report, force=force, unverified=unverified)
    if quiet:
        return
    units = "" if dataset.responses is None else f", {len(dataset.units)} units"
    click.echo(f"{name}: {len(dataset.stimuli)} stimuli{units}, {len(dataset.regions)} regions")
    if constant := dataset.extra.get("constant_units"):
        click.echo(f"note: {constant} units never change and cannot be scored")
    if dataset.about.simulated:
        click.echo("note: simulated data")
    click.echo(f"content {dataset.content_hash[:16]} in {dataset.root}")


@data.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_datasets(as_json: bool) -> None:
    """List datasets, whether they are here, and how to get them."""
    rows = [_row(name) for name in catalogue.dataset_names()]
    if as_json:
        click.echo(json_module.dumps(rows, indent=1))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("name", "state", "MB", "licence", "what"):
        table.add_column(title, justify="right" if title == "MB" else "left", no_wrap=title == "name")
    for row in rows:
        size = f"{row['bytes'] / 1e6:.1f}" if row["bytes"] is not None else "-"
        table.add_row(row["name"], row["state"], size, row["licence"] or "-", row["summary"])
    open_console().print(table)


def _row(name: str) -> dict[str, Any]:
    from gyral.datasets.recipe import Recipe

    pack = catalogue.find_pack(name)
    loaded = catalogue.RECIPES.load(name) if name in catalogue.RECIPES else None
    recipe = loaded if isinstance(loaded, Recipe) else None
    mirror = places.mirror()
    if pack is not None:
        state = "installed" if pack.parent == places.home() / "packs" else "here"
    elif recipe is None:
        state = "made by code"
    elif mirror is not None and (mirror / recipe.mirror.folder).is_dir():
        state = "in the mirror"
    else:
        state = "public address" if recipe.public.verified else "unverified address"
    licence = recipe.licence if recipe else ""
    summary = catalogue.RECIPES.summaries.get(name, "")
    size = content = None
    if pack is not None:
        try:
            manifest = _manifest(pack)
            size, content = sum(f.size for f in manifest.files), manifest.content_hash
            licence, summary = licence or manifest.about.licence, summary or manifest.about.title
        except UserError as error:
            state, summary = "broken", str(error)
    return {
        "name": name,
        "state": state,
        "bytes": size,
        "content": content,
        "licence": licence,
        "summary": summary,
        "path": str(pack) if pack else None,
    }


def _manifest(pack: Path) -> "Manifest":
    from gyral.datasets.manifest import read_manifest  # slow import (pydantic models), only when a pack is opened

    return read_manifest(pack)
