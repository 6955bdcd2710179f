"""``gyral data install``: a sound pack becomes one of this machine's."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gyral import places
from gyral.cli.progress import reporting
from gyral.datasets import catalogue
from gyral.errors import BadDataset, UnknownName

if TYPE_CHECKING:
    from gyral.datasets.manifest import Manifest

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
    regions = {r.name for r in manifest.regions}
    check_benchmark(manifest.benchmark, name, regions, f"{path / 'dataset.toml'} [benchmark]")
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


def check_benchmark(declared: dict[str, Any] | None, dataset: str, regions: set[str] | None, where: str) -> None:
    """Refuse a ``[benchmark]`` table that is no `Benchmark`, before every later command trips over it.

    Parameters
    ----------
    declared : dict or None
        The table; None: there is none.
    dataset : str
        Name of the pack.
    regions : set of str or None
        Names of its regions; None where they are not known yet.
    where : str
        For the error.

    Raises
    ------
    BadDataset, UnknownName
        A field is wrong (``benchmark``), named.
    """
    if declared is None:
        return
    from gyral.benchmarks.benchmark import CEILINGS, METRICS, Benchmark
    from gyral.benchmarks.catalogue import BUNDLED
    from gyral.readouts import READOUTS

    known = {field.name: field for field in fields(Benchmark)}
    if unknown := sorted(set(declared) - set(known)):
        raise UnknownName("field of [benchmark]", unknown[0], known)
    try:
        benchmark = Benchmark(**declared)
    except TypeError as error:
        missing = str(error).partition("argument")[2].strip(" s:")
        raise BadDataset(f"fields are missing: {missing}.", where=where, code="benchmark") from None
    except ValueError as error:
        raise BadDataset(f"{error}.", where=where, code="benchmark") from None
    names = {benchmark.main_region} if regions is None else regions
    readouts = {"none"} if benchmark.task != "encoding" else set(READOUTS.names())
    ceilings, metrics = CEILINGS.get(benchmark.task, ()), METRICS.get(benchmark.task, ())
    wrong = [
        (benchmark.dataset != dataset, f"dataset must be {dataset!r}, the pack's name"),
        (benchmark.main_region not in names, f"main_region must be one of {sorted(names)!r}"),
        (benchmark.modality not in ("vision", "language"), "modality must be 'vision' or 'language'"),
        (benchmark.task not in METRICS, f"task must be one of {sorted(METRICS)!r}"),
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
