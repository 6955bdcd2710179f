"""View: two RDMs on one scale, stimuli of a group together, coarse enough to be drawn.

Dissimilarities of brains and of models have other units, so that both are shown as ranks: the share of pairs that are less
dissimilar, from 0 to 1. A measured RDM is the mean over subjects, ranked once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.benchmarks.installed import find_benchmark
from gyral.datasets.catalogue import find_pack
from gyral.datasets.dataset import Dataset
from gyral.datasets.pack import read_pack
from gyral.dissimilarities import measured_rdms
from gyral.errors import Unavailable, UnknownName
from gyral.metrics.metric import title_of
from gyral.record import CHOSEN, Record
from gyral.rsa.vector import squared

Floats = NDArray[np.float64]

CELLS = 128  # rows and columns that are drawn; more stimuli are averaged
_MEMORY = 1 << 30
_GROUPS = 24  # kinds of stimuli beyond which an order by them says little


@dataclass(frozen=True, eq=False)
class Group:
    """Stimuli of one kind, next to one another.

    Parameters
    ----------
    name : str
    count : int
        Stimuli.
    measured, model : float or None
        Mean rank of the pairs inside; None with fewer than two stimuli.
    """

    name: str
    count: int
    measured: float | None
    model: float | None


@dataclass(frozen=True, eq=False)
class RdmView:
    """A measured RDM and a model's.

    Parameters
    ----------
    region, layer : str
        Whose they are; the layer that most folds chose.
    region_title : str
        What people call the region.
    scored, benchmark : str
        Name of the model, and the benchmark that compared the two.
    subjects : int
        That the measured one is the mean of.
    stimuli : int
    measured, model : array, cells x cells
        Ranks from 0 to 1, symmetric; NaN on the diagonal and where pairs are missing. At most `CELLS` wide.
    groups : tuple of Group
        In the order of the cells; empty where stimuli have no groups, and stand in the order of the dataset.
    between : (float, float) or None
        Mean rank of pairs of different groups, measured and model.
    value : float or None
        Similarity of the two that the record has, for the layers chosen.
    metric : str
        Of ``value``.
    window : (float, float) or None
        Seconds after stimulus onset that the measured one is of, where there are times.
    simulated : bool
        Whether the data are made.
    """

    region: str
    region_title: str
    layer: str
    scored: str
    benchmark: str
    subjects: int
    stimuli: int
    measured: Floats
    model: Floats
    groups: tuple[Group, ...]
    between: tuple[float, float] | None
    value: float | None
    metric: str
    window: tuple[float, float] | None = None
    simulated: bool = False

    @property
    def title(self) -> str:
        """What is shown: model, benchmark, region, metric and score, and times where there are any."""
        value = "" if self.value is None else f" {self.value:.3f}"
        times = "" if self.window is None else ", {:g} to {:g} ms".format(*(1000 * t for t in self.window))
        return f"Dissimilarities of {self.region_title}{times} and of {self.scored} on {self.benchmark}: {title_of(self.metric)}{value}"


def view_rdms(record: Record, folder: Path, region: str = "") -> RdmView:
    """The RDMs of a region and of the layer that most folds chose for it.

    Parameters
    ----------
    record : Record
        Of a benchmark that compares RDMs.
    folder : Path
        Its files: ``predictions.npy`` holds the model's RDMs, draws x layers x pairs; the mean over draws is shown.
    region : str
        Empty for the first.

    Raises
    ------
    UnknownName
        No such region.
    Unavailable
        The record has no RDMs, or the data that it was made with are not here or not public (``no-rdms``).
    """
    regions = list(dict.fromkeys(row.region for row in record.rows))
    region = region or regions[0]
    if region not in regions:
        raise UnknownName("region", region, regions)
    row = record.main(region)
    layers = [r.layer for r in record.rows if r.region == region and r.layer != CHOSEN]
    file = folder / "predictions.npy"
    if row is None or row.readout != "none" or not layers or not file.is_file():
        raise _unavailable("The record holds no dissimilarities of the model.", record)
    dataset = _dataset(record)
    layer = max(row.layers_chosen, key=lambda name: row.layers_chosen[name], default=layers[0])
    found = np.load(file, mmap_mode="r", allow_pickle=False)
    pairs = len(dataset.stimuli) * (len(dataset.stimuli) - 1) // 2
    if found.ndim != 3 or found.shape[1:] != (len(layers), pairs):
        raise _unavailable("The dissimilarities of the record are of other stimuli or layers.", record)
    model = np.asarray(found[:, layers.index(layer)], np.float64).mean(axis=0)
    rdms = _measured(dataset, record, region)
    order, groups = _grouped(dataset)
    measured, mine = (squared(_ranked(v)) for v in (rdms.mean(axis=0), model))
    told = tuple(Group(name, len(own), _inside(measured, own), _inside(mine, own)) for name, own in groups.items())
    return RdmView(
        region=region,
        region_title=_title(dataset, region),
        layer=layer,
        scored=record.model.name,
        benchmark=record.benchmark.id,
        subjects=len(rdms),
        stimuli=len(order),
        measured=_coarse(measured[np.ix_(order, order)]),
        model=_coarse(mine[np.ix_(order, order)]),
        groups=told,
        between=_between(measured, mine, list(groups.values())),
        value=row.value,
        metric=record.benchmark.metric,
        window=None if record.time is None else record.time.window,
        simulated=record.benchmark.simulated,
    )


def _dataset(record: Record) -> Dataset:
    pack = find_pack(record.benchmark.dataset)
    if pack is None:
        raise _unavailable("The measured data are not on this machine.", record)
    dataset = read_pack(pack)
    if dataset.content_hash != record.benchmark.dataset_hash:
        raise _unavailable("The data on this machine are not those that were scored.", record)
    if dataset.about.private:
        raise _unavailable("The measured data are private, so only their score is shown.", record)
    return dataset


def _title(dataset: Dataset, region: str) -> str:
    return next((r.title for r in dataset.regions if r.name == region and r.title), region)


def _measured(dataset: Dataset, record: Record, region: str) -> Floats:
    """Condensed RDM of each subject: subjects x pairs."""
    if dataset.rdms:
        return dataset.rdms[region].pooled()
    alone = replace(dataset, regions=tuple(r for r in dataset.regions if r.name == region))
    kind = find_benchmark(record.benchmark.id).rdm
    return measured_rdms(alone, kind, memory=_MEMORY).rdms[region].pooled()


def _grouped(dataset: Dataset) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Order of stimuli, and those of each group, by where it begins; groups of one say nothing."""
    stimuli = dataset.stimuli
    names = stimuli.columns.get("category")
    if names is None and stimuli.groups is not None:
        names = np.asarray(stimuli.groups)
    every = np.arange(len(stimuli))
    if names is None or names.dtype.kind not in "UOTS":
        return every, {}
    kinds = list(dict.fromkeys(str(n) for n in names))
    if not 1 < len(kinds) <= min(_GROUPS, len(stimuli) // 2):
        return every, {}
    groups = {kind: np.flatnonzero([str(n) == kind for n in names]).astype(np.int64) for kind in kinds}
    return np.concatenate(list(groups.values())), groups


def _ranked(vector: Floats) -> Floats:
    """Share of the pairs that are less dissimilar, ties in the middle: 0 to 1; NaN stays."""
    from scipy.stats import rankdata  # slow import, only where RDMs are looked at

    out, known = np.full(len(vector), np.nan), np.isfinite(vector)
    if known.sum() > 1:
        out[known] = (rankdata(vector[known]) - 1) / (known.sum() - 1)
    return out


def _coarse(square: Floats) -> Floats:
    """At most `CELLS` wide: means over blocks of stimuli, the diagonal left out."""
    square = square.copy()
    np.fill_diagonal(square, np.nan)
    wide = len(square)
    if wide <= CELLS:
        return square
    edges = np.linspace(0, wide, CELLS + 1).astype(int)[:-1]
    known = np.isfinite(square)
    sums, counts = (
        np.add.reduceat(np.add.reduceat(a, edges, axis=0), edges, axis=1)
        for a in (np.where(known, square, 0.0), known.astype(np.float64))
    )
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _inside(square: Floats, own: NDArray[np.int64]) -> float | None:
    within = square[np.ix_(own, own)][np.triu_indices(len(own), 1)]
    return float(np.nanmean(within)) if np.isfinite(within).any() else None


def _between(measured: Floats, model: Floats, groups: Sequence[NDArray[np.int64]]) -> tuple[float, float] | None:
    if not groups:
        return None
    apart = np.ones(measured.shape, np.bool_)
    for own in groups:
        apart[np.ix_(own, own)] = False
    apart = np.triu(apart, 1)
    return float(np.nanmean(measured[apart])), float(np.nanmean(model[apart]))


def _unavailable(what: str, record: Record) -> Unavailable:
    return Unavailable(what, where=record.benchmark.id, code="no-rdms")


def payload(view: RdmView) -> dict[str, Any]:
    """The view as plain JSON: missing cells are null."""

    def cells(square: Floats) -> list[list[float | None]]:
        return [[round(float(v), 3) if np.isfinite(v) else None for v in row] for row in square]

    return {
        "region": view.region,
        "layer": view.layer,
        "subjects": view.subjects,
        "stimuli": view.stimuli,
        "metric": view.metric,
        "value": view.value,
        "groups": [
            {"name": g.name, "stimuli": g.count, "measured": g.measured, "model": g.model} for g in view.groups
        ],
        "between": None if view.between is None else dict(zip(("measured", "model"), view.between, strict=True)),
        "measured": cells(view.measured),
        "model": cells(view.model),
    }
