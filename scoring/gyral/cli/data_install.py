"""``gyral data install``: a sound pack becomes one of this machine's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gyral import places
from gyral.cli.progress import reporting
from gyral.datasets import catalogue
from gyral.errors import BadDataset

if TYPE_CHECKING:
    from gyral.datasets.manifest import Manifest
    from gyral.datasets.source_build import Judge

_UNDECLARED = "It declares no [benchmark], so it can be scored in Python but has no board."


@click.command("install")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace an installed pack of the same name and other content.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def install(path: Path, force: bool, quiet: bool) -> None:
    """Check the pack folder PATH and copy it to GYRAL_HOME/packs, whole or not at all.

    A pack that declares a [benchmark] is refused where its split leaks (`gyral data check PATH` says how).
    """
    from gyral.datasets.folder import sweep  # slow import (pandas behind it), only for this command
    from gyral.datasets.manifest import read_manifest
    from gyral.datasets.pack import copy_pack

    raise_first_fault(path, quiet=quiet)
    manifest = read_manifest(path)
    name = manifest.about.name
    require_answerable(manifest, path)
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


def raise_first_fault(pack: Path, *, quiet: bool) -> int:
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


def require_answerable(manifest: "Manifest", path: Path) -> None:
    """Refuse a pack whose data cannot answer the ``[benchmark]`` it declares.

    Raises
    ------
    BadDataset
        As `judge_of`, and what a benchmark needs is not there.
    """
    from gyral.datasets.facts import facts_of
    from gyral.datasets.manifest import MANIFEST
    from gyral.datasets.pack import read_pack

    if (judge := judge_of(manifest.benchmark, path / MANIFEST)) is not None:
        judge(facts_of(read_pack(path)))


def judge_of(table: dict[str, Any] | None, path: Path) -> "Judge | None":
    """What refuses a dataset that cannot answer the ``[benchmark]`` of a file; None where there is no such table.

    Raises
    ------
    BadDataset
        A field is wrong (``benchmark``), named.
    """
    if table is None:
        return None
    from gyral.benchmarks.declared import declared, require_possible  # slow: metrics and readouts behind it

    where = f"{path} [benchmark]"
    benchmark = declared(table, where)
    return lambda facts: require_possible(benchmark, facts, where)


def _check_split(manifest: "Manifest", path: Path, quiet: bool) -> None:
    """Refuse a pack that asks for a board and whose split leaks."""
    if manifest.benchmark is None:
        return
    from gyral.audit import audit_pack  # slow: torch

    with reporting("none" if quiet else "bar") as progress:
        audit_pack(path, progress=progress).require_fit()
