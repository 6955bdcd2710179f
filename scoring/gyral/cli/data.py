"""``gyral data``: fetch, list, verify and install datasets."""

import json as json_module
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gyral import places
from gyral.cli.progress import reporting
from gyral.datasets import catalogue
from gyral.errors import BadDataset, Unavailable, UnknownName, UserError

if TYPE_CHECKING:
    from gyral.datasets.manifest import Manifest

_quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors.")


@click.group("data")
def data() -> None:
    """Fetch, list, verify and install datasets."""


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
    from rich.console import Console  # slow import, only for tables
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("name", "state", "MB", "licence", "what"):
        table.add_column(title, justify="right" if title == "MB" else "left", no_wrap=title == "name")
    for row in rows:
        size = f"{row['bytes'] / 1e6:.1f}" if row["bytes"] is not None else "-"
        table.add_row(row["name"], row["state"], size, row["licence"] or "-", row["summary"])
    Console().print(table)


@data.command("verify")
@click.argument("name")
@_quiet
def verify(name: str, quiet: bool) -> None:
    """Hash every file of the dataset NAME and look at every number."""
    if name not in catalogue.dataset_names():
        raise UnknownName("dataset", name, catalogue.dataset_names())
    pack = catalogue.find_pack(name)
    if pack is None:
        raise Unavailable(
            f"dataset {name!r} is not here yet.",
            mend=f"Bring it with `gyral data fetch {name}`.",
            code="dataset-unavailable",
        )
    count = _raise_first(pack, quiet)
    if not quiet:
        click.echo(f"{name}: {count} files are as they were written")


@data.command("install")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace an installed pack of the same name and other content.")
@_quiet
def install(path: Path, force: bool, quiet: bool) -> None:
    """Check the pack folder PATH and copy it to GYRAL_HOME/packs, whole or not at all.

    A pack that declares a [benchmark] is refused where its split leaks (`gyral audit PATH` says how).
    """
    from gyral.datasets.folder import sweep  # slow import (pandas behind it), only for this command
    from gyral.datasets.manifest import read_manifest
    from gyral.datasets.pack import copy_pack

    _raise_first(path, quiet)
    manifest = read_manifest(path)
    name = manifest.about.name
    _check_declared(manifest, path)
    _check_split(manifest, path, quiet)
    catalogue.check_content(name, manifest.content_hash, str(path))
    target = places.home() / "packs" / name
    present = read_manifest(target).content_hash if (target / "dataset.toml").is_file() else None
    if present not in (None, manifest.content_hash) and not force:
        raise BadDataset(
            f"a pack called {name!r} with other content is installed; scores on it would change meaning.",
            where=str(target),
            mend="Give the new one another name, or --force to replace it.",
            code="pack-exists",
        )
    with reporting("none" if quiet else "bar") as report:
        sweep(target)
        copy_pack(path, target, progress=report)
    if not quiet:
        click.echo(f"installed {name} in {target}")
        click.echo("A site offers it after `manage.py sync_benchmarks`." if manifest.benchmark else _UNDECLARED)


_UNDECLARED = "It declares no [benchmark], so it can be scored in Python but has no board."


def _raise_first(pack: Path, quiet: bool) -> int:
    """Raise the first fault of a pack, saying how many more there are; the number of files if there are none."""
    from gyral.datasets.manifest import read_manifest  # slow import (pydantic models), only when a pack is opened
    from gyral.datasets.pack import check_pack

    with reporting("none" if quiet else "bar") as report:
        faults = check_pack(pack, progress=report)
    for fault in faults:
        if len(faults) > 1:
            click.echo(f"{len(faults)} faults; the first one:", err=True)
        raise fault
    return len(read_manifest(pack).files)


def _check_declared(manifest: "Manifest", path: Path) -> None:
    """Refuse a ``[benchmark]`` table that is no `Benchmark`, before every later command trips over it."""
    if manifest.benchmark is None:
        return
    from gyral.benchmarks.benchmark import CEILINGS, METRICS, Benchmark
    from gyral.benchmarks.catalogue import BUNDLED
    from gyral.readouts import READOUTS

    declared, where = manifest.benchmark, f"{path / 'dataset.toml'} [benchmark]"
    known = {field.name: field for field in fields(Benchmark)}
    if unknown := sorted(set(declared) - set(known)):
        raise UnknownName("field of [benchmark]", unknown[0], known)
    try:
        benchmark = Benchmark(**declared)
    except TypeError as error:
        missing = str(error).partition("argument")[2].strip(" s:")
        raise BadDataset(f"fields are missing: {missing}.", where=where, code="benchmark") from None
    regions = {r.name for r in manifest.regions}
    readouts = {"none"} if benchmark.task == "rsa" else set(READOUTS.names())
    ceilings, metrics = CEILINGS.get(benchmark.task, ()), METRICS.get(benchmark.task, ())
    wrong = [
        (benchmark.dataset != manifest.about.name, f"dataset must be {manifest.about.name!r}, the pack's name"),
        (benchmark.main_region not in regions, f"main_region must be one of {sorted(regions)!r}"),
        (benchmark.modality not in ("vision", "language"), "modality must be 'vision' or 'language'"),
        (benchmark.task not in ("encoding", "rsa"), "task must be 'encoding' or 'rsa'"),
        (benchmark.metric not in metrics, f"metric must be one of {sorted(metrics)!r}"),
        (benchmark.readout not in readouts, f"readout must be one of {sorted(readouts)!r}"),
        (benchmark.ceiling not in ceilings, f"ceiling must be one of {sorted(ceilings)!r}"),
        (type(benchmark.version) is not int or benchmark.version < 0, "version must be a whole number from 0"),
        (benchmark.name in {b.name for b in BUNDLED}, f"{benchmark.name!r} is the name of a bundled benchmark"),
    ]
    for is_wrong, what in wrong:
        if is_wrong:
            raise BadDataset(f"{what}.", where=where, code="benchmark")


def _check_split(manifest: "Manifest", path: Path, quiet: bool) -> None:
    """Refuse a pack that asks for a board and whose split leaks."""
    if manifest.benchmark is None:
        return
    from gyral.audit import audit_pack  # slow: torch

    with reporting("none" if quiet else "bar") as progress:
        audit_pack(path, progress=progress).require_fit()


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
