"""Benchmark: carried from the library's registry into the database, so that pages need no pack.

Rows are immutable: content that changed under an old version is refused, and the row, with its scores, takes
no new runs. Opens datasets and computes ceilings: for management commands, never for a request.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from django.db import transaction

from gyral import __version__
from gyral.errors import UserError
from gyral.progress import Progress, silent
from gyral_submissions.models import Benchmark

if TYPE_CHECKING:
    from gyral.audit import Audit
    from gyral.benchmarks.benchmark import Benchmark as Recipe
    from gyral.datasets.dataset import About, Dataset
    from gyral.datasets.region import Region
    from gyral.datasets.responses import RegionRdms
    from gyral.datasets.triplets import Triplets

_FACTS = 2  # of what a row says of its data; another number makes every row again
Outcome = Literal["created", "unchanged", "refreshed", "refused", "skipped", "retired"]


@dataclass(frozen=True)
class Synced:
    """What happened to one benchmark; ``why`` says more where it was refused or skipped."""

    identifier: str
    outcome: Outcome
    why: str = ""


def sync_benchmarks(*, progress: Progress = silent, force: bool = False) -> Iterator[Synced]:
    """Bring the rows up to date with the registry, one benchmark at a time; safe to repeat.

    Parameters
    ----------
    progress : Progress
        Told of downloads and of packs being built.
    force : bool
        Compute ceilings and counts again although nothing changed.
    """
    from gyral.benchmarks.installed import all_benchmarks  # reads the installed packs

    known = all_benchmarks()
    for recipe in known:
        yield _sync(recipe, progress, force=force)
    names = {recipe.id for recipe in known}
    for row in Benchmark.objects.filter(retired=False):
        if row.identifier not in names:
            Benchmark.objects.filter(pk=row.pk).update(retired=True)
            yield Synced(row.identifier, "retired", "the registry no longer has it; its scores stay.")


def _sync(recipe: "Recipe", progress: Progress, *, force: bool) -> Synced:
    from gyral.datasets.catalogue import open_dataset

    row = Benchmark.objects.filter(name=recipe.name, version=recipe.version).first()
    try:
        if row is not None and not force and _is_current(row, recipe):
            changed = _refresh(row, {"title": recipe.title, "summary": recipe.summary, "retired": False})
            return Synced(recipe.id, "refreshed" if changed else "unchanged")
        dataset = open_dataset(recipe.dataset, progress=progress)
        content_hash = recipe.content_hash(dataset.content_hash)
        if row is not None and row.content_hash != content_hash:
            return _refused(row, content_hash)
        report = _audit(recipe, dataset, progress)
        if (fault := report.fault()) is not None:
            return _leaky(row, recipe, fault)
        columns = _columns(recipe, dataset, report)
    except UserError as error:
        return Synced(recipe.id, "skipped", str(error))
    with transaction.atomic():
        row, created = Benchmark.objects.get_or_create(
            name=recipe.name, version=recipe.version, defaults={"content_hash": content_hash, **columns}
        )
    if created:
        return Synced(recipe.id, "created")
    return Synced(recipe.id, "refreshed" if _refresh(row, columns) else "unchanged")


def _is_current(row: Benchmark, recipe: "Recipe") -> bool:
    """True if the pack that is here is the one the row was made from, by the same code, with the same words; opens nothing."""
    from gyral.datasets.catalogue import about_of, find_pack
    from gyral.datasets.manifest import read_manifest

    pack = find_pack(recipe.dataset)
    if pack is None or row.about.get("made_by") != _made_by() or "audit" not in row.about:
        return False
    said = json.loads(json.dumps(_said(about_of(recipe.dataset, pack))))  # as the database gives it back
    if any(row.about.get(name) != value for name, value in said.items()):
        return False
    return recipe.content_hash(read_manifest(pack).content_hash) == row.content_hash


def _made_by() -> str:
    from gyral.record import STATISTICS_VERSION

    return f"gyral {__version__}, {STATISTICS_VERSION}, facts {_FACTS}"


def _audit(recipe: "Recipe", dataset: "Dataset", progress: Progress) -> "Audit":
    """The canaries and ceilings of the declared split; kept in the cache."""
    from gyral.audit import RDM_METRIC, audit

    metric = recipe.metric if recipe.task == "rsa" else RDM_METRIC
    return audit(dataset, ceiling=recipe.ceiling, metric=metric, rdm=recipe.rdm, progress=progress)


def _leaky(row: Benchmark | None, recipe: "Recipe", fault: UserError) -> Synced:
    """A split whose canaries sing gets no board; one that has a board takes no new runs."""
    if row is not None:
        Benchmark.objects.filter(pk=row.pk).update(retired=True)
    return Synced(recipe.id, "refused", str(fault))


def _refused(row: Benchmark, content_hash: str) -> Synced:
    """The registered content stays with its scores; new runs would not be comparable, so there are none."""
    Benchmark.objects.filter(pk=row.pk).update(retired=True)
    return Synced(
        row.identifier,
        "refused",
        f"its content changed ({row.content_hash[:12]}... became {content_hash[:12]}...), and a benchmark never "
        "changes: give it a new version. Its scores stay; it takes no new runs.",
    )


def _refresh(row: Benchmark, columns: dict[str, Any]) -> bool:
    """Write the columns that differ; True if any did."""
    changed = {name: value for name, value in columns.items() if getattr(row, name) != value}
    if changed:
        Benchmark.objects.filter(pk=row.pk).update(**changed, edition=uuid.uuid4())
    return bool(changed)


def _columns(recipe: "Recipe", dataset: "Dataset", report: "Audit") -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "dataset_hash": dataset.content_hash,
        "title": recipe.title,
        "summary": recipe.summary,
        "modality": recipe.modality,
        "task": recipe.task,
        "metric": recipe.metric,
        "readout": recipe.readout,
        "main_region": dataset.region(recipe.main_region).name,
        "simulated": recipe.simulated or dataset.about.simulated,
        "display": dataset.about.display,
        "about": {**_about(recipe, dataset), "audit": report.model_dump(mode="json")},
        "regions": _regions(recipe, dataset),
        "retired": False,
    }


def _about(recipe: "Recipe", dataset: "Dataset") -> dict[str, Any]:
    from gyral.metrics.metric import told_of

    responses = dataset.responses
    if responses is not None:
        kinds, subjects = [responses.kind], list(responses.subjects)
        unit, n_units = responses.physical_unit, responses.n_units
    else:
        kinds = list(dict.fromkeys(r.kind for r in dataset.rdms.values()))
        subjects = list(dict.fromkeys(s for r in dataset.rdms.values() for s in r.subjects))
        unit, n_units = "dissimilarity", 0
        if dataset.triplets is not None:
            kinds, unit = ["behaviour"], "choice of one of three"
            subjects = [f"participant-{k}" for k in sorted(set(dataset.triplets.participants.tolist()))]
    return {
        **_said(dataset.about),
        "stimuli": dataset.stimuli.modality,
        "n_stimuli": len(dataset.stimuli),
        "n_units": n_units,
        "subjects": subjects,
        "kinds": kinds,
        "physical_unit": unit,
        "split": dataset.split().name,
        "split_hash": dataset.split().content_hash,
        "ceiling": recipe.ceiling,
        "metric": asdict(told_of(recipe.metric)),
        "holdout": recipe.holdout,
        "times": None if dataset.time is None else [dataset.time.times[0], dataset.time.times[-1]],
        "window": None if dataset.time is None else list(dataset.time.window),
        "period": None if dataset.timeline is None else dataset.timeline.period,
        "published": [asdict(bound) for bound in dataset.published],
        "made_by": _made_by(),
    }


def _said(about: "About") -> dict[str, Any]:
    """What pages say of a dataset; the rest of it stands in columns of its own."""
    return {k: v for k, v in asdict(about).items() if k not in ("display", "simulated")}


def _regions(recipe: "Recipe", dataset: "Dataset") -> list[dict[str, Any]]:
    rdms = _rdms(recipe, dataset)
    ceilings = _ceilings(recipe, dataset, rdms)
    none: dict[str, Any] = dict.fromkeys(("ceiling", "ceiling_low", "ceiling_high"))
    none |= dict.fromkeys(("ceiling_lower", "ceiling_lower_low", "ceiling_lower_high"))
    none |= {"ceiling_unit": "", "ceiling_kind": "none"}
    listed = []
    for region in dataset.regions:
        if recipe.task == "rsa" and region.name not in rdms:
            continue
        count = len(rdms[region.name].subjects) if rdms else _count(dataset, region)
        listed.append(
            {
                "name": region.name,
                "title": region.title or region.name,
                "path": list(region.path or (region.name,)),
                "n_units": count,
                **ceilings.get(region.name, none),
            }
        )
    return listed


def _rdms(recipe: "Recipe", dataset: "Dataset") -> "Mapping[str, RegionRdms]":
    """The RDMs that models are compared with, of RSA."""
    if recipe.task != "rsa":
        return {}
    from gyral.dissimilarities import measured_rdms
    from gyral.fitting import MEMORY

    return measured_rdms(dataset, recipe.rdm, memory=MEMORY).rdms


def _count(dataset: "Dataset", region: "Region") -> int:
    """What a region's score is over: units, or people who judged triplets."""
    if dataset.triplets is not None:
        return len(set(dataset.triplets.participants.tolist()))
    return len(region)


def _ceilings(recipe: "Recipe", dataset: "Dataset", rdms: "Mapping[str, RegionRdms]") -> dict[str, dict[str, Any]]:
    if recipe.task == "rsa":
        return _rdm_bounds(recipe.metric, rdms)
    if dataset.triplets is not None:
        return {region.name: _choice_bounds(dataset.triplets) for region in dataset.regions}
    return _unit_ceilings(recipe, dataset) if recipe.task == "encoding" else {}


def _unit_ceilings(recipe: "Recipe", dataset: "Dataset") -> dict[str, dict[str, Any]]:
    """Ceilings of regions with their intervals, as on the board's cells."""
    import numpy as np

    from gyral.between import posed
    from gyral.scores.bound import region_bounds

    problem = posed(dataset, recipe.ceiling)
    found = {}
    for region in dataset.regions:
        bound = region_bounds(problem, region.units, problem.members(region))[0]
        if bound.kind != "none":
            known = np.isfinite(bound.low)
            found[region.name] = {
                "ceiling": bound.value,
                "ceiling_low": bound.low if known else None,
                "ceiling_high": bound.high if known else None,
                "ceiling_lower": None,
                "ceiling_lower_low": None,
                "ceiling_lower_high": None,
                "ceiling_unit": "r2",
                "ceiling_kind": bound.kind,
            }
    return found


def _choice_bounds(triplets: "Triplets") -> dict[str, Any]:
    """What naming the choice of most other people reaches, and of most people, the one in question included."""
    from gyral.triplets import choice_bounds

    low, high = choice_bounds(triplets)
    return {
        "ceiling": high,
        "ceiling_low": None,
        "ceiling_high": None,
        "ceiling_lower": low,
        "ceiling_unit": "share",
        "ceiling_kind": "people's agreement",
    }


def _rdm_bounds(metric: str, rdms: "Mapping[str, RegionRdms]") -> dict[str, dict[str, Any]]:
    """Lower and upper bound of each region with two or more subjects, with their intervals."""
    import numpy as np

    from gyral.metrics import METRICS
    from gyral.rsa.bounds import bound_intervals

    found, comparator = {}, METRICS.load(metric)
    for name, region in rdms.items():
        lower, upper = bound_intervals(region.pooled(), comparator)
        if np.isfinite(upper.value):
            known = np.isfinite([upper.low, lower.low]).all()
            found[name] = {
                "ceiling": upper.value,
                "ceiling_low": upper.low if known else None,
                "ceiling_high": upper.high if known else None,
                "ceiling_lower": lower.value,
                "ceiling_lower_low": lower.low if known else None,
                "ceiling_lower_high": lower.high if known else None,
                "ceiling_unit": "r",
                "ceiling_kind": "rdm-bounds",
            }
    return found
