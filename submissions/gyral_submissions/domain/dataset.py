"""Dataset: data without a board, with what their responses decode; for management commands, never for a request."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gyral import __version__
from gyral.errors import UserError
from gyral.progress import Progress, silent
from gyral_submissions.domain.benchmark import Synced
from gyral_submissions.models import Dataset

if TYPE_CHECKING:
    from gyral.datasets.dataset import About
    from gyral.datasets.dataset import Dataset as Pack
    from gyral.datasets.manifest import RegionEntry
    from gyral.datasets.region import Region


def sync_datasets(*, progress: Progress = silent, force: bool = False) -> Iterator[Synced]:
    """Bring the pages of datasets without a benchmark up to date; those whose categories cannot be decoded have none.

    Parameters
    ----------
    progress : Progress
        Told of downloads, packs being built and permutations.
    force : bool
        Decode again although the content is the same.
    """
    from gyral.benchmarks.installed import all_benchmarks  # reads the installed packs
    from gyral.datasets.catalogue import dataset_names

    boards = {benchmark.dataset for benchmark in all_benchmarks()}
    for name in dataset_names():
        if name not in boards:
            yield from _sync(name, progress, force=force)


def _sync(name: str, progress: Progress, *, force: bool) -> Iterator[Synced]:
    from gyral.datasets.catalogue import find_pack, open_dataset
    from gyral.decode import can_decode, decode_dataset

    row = Dataset.objects.filter(name=name).first()
    pack = find_pack(name)
    try:
        if row is not None and pack is not None and not force and _is_current(row, pack):
            yield Synced(name, "unchanged")
            return
        dataset = open_dataset(name, progress=progress)
        if not can_decode(dataset):
            return
        report = decode_dataset(dataset, progress=progress)
    except UserError as error:
        yield Synced(name, "skipped", str(error))
        return
    _, created = Dataset.objects.update_or_create(
        name=name,
        defaults={
            "content_hash": dataset.content_hash,
            "title": dataset.about.title,
            "about": _about(dataset),
            "decoding": report.model_dump(mode="json"),
        },
    )
    yield Synced(name, "created" if created else "refreshed")


def _is_current(row: Dataset, pack: Path) -> bool:
    """True if the row was made from this pack, by the same code, with the same words."""
    from gyral.datasets.catalogue import about_of
    from gyral.datasets.manifest import read_manifest

    manifest = read_manifest(pack)
    told = {**_said(about_of(row.name, pack)), "regions": _titles(manifest.regions), "made_by": _made_by()}
    said = json.loads(json.dumps(told))  # as the database gives it back
    return manifest.content_hash == row.content_hash and all(row.about.get(k) == v for k, v in said.items())


def _made_by() -> str:
    from gyral.provenance import code_hash

    return f"gyral {__version__}, decoding {code_hash('decoding')[:16]}"


def _said(about: "About") -> dict[str, Any]:
    return {k: v for k, v in asdict(about).items() if k != "display"}


def _titles(regions: "Sequence[Region | RegionEntry]") -> dict[str, str]:
    return {region.name: region.title for region in regions}


def _about(dataset: "Pack") -> dict[str, Any]:
    responses = dataset.responses
    return {
        **_said(dataset.about),
        "made_by": _made_by(),
        "regions": _titles(dataset.regions),
        "n_stimuli": len(dataset.stimuli),
        "n_units": 0 if responses is None else responses.n_units,
        "kind": "" if responses is None else responses.kind,
        "physical_unit": "" if responses is None else responses.physical_unit,
        "split": dataset.split().name,
    }
