"""Dissimilarities: the RDMs that models are compared with, published or made of responses, region by region.

Of responses a subject's RDM of a region is that between the patterns over its units (`gyral.rsa.rdm`). Where units are sensors
at time points there is an RDM over the region's sensors at each time, and the region's own is their mean over the window.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.dataset import Dataset
from gyral.datasets.region import Region
from gyral.datasets.responses import RegionRdms, Responses
from gyral.datasets.time_axis import TimeAxis, series_units
from gyral.errors import BadArrays, BadDataset, OutOfResources, UnknownName
from gyral.rsa.rdm import KINDS, REPEATED, Kind, rdm
from gyral.rsa.vector import squared

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Units = NDArray[np.int64]

# Units below which a pattern has no direction: with two, every correlation is 1 or -1.
_LEAST: dict[Kind, int] = {"correlation": 3, "cosine": 2}


@dataclass(frozen=True, eq=False)
class Measured:
    """RDMs of a dataset.

    Parameters
    ----------
    rdms : mapping of region to RegionRdms
        Those made of responses have one session.
    warnings : tuple of str
        Which regions and subjects have none, and why.
    """

    rdms: Mapping[str, RegionRdms]
    warnings: tuple[str, ...] = ()


def measured_rdms(dataset: Dataset, kind: str | None, *, memory: int) -> Measured:
    """The RDMs that a benchmark compares models with.

    Parameters
    ----------
    dataset : Dataset
    kind : str or None
        One of `gyral.rsa.rdm.KINDS`, to make them of responses; None for those that the dataset publishes.
    memory : int
        Bytes that all of them may take together.

    Raises
    ------
    UnknownName
        No such kind.
    BadDataset
        There are no published RDMs and no kind, or a kind and no responses (``rdm-kind``); no region has the units it takes (``few-units``); a
        stimulus lacks the repeats it takes (``one-repeat``).
    OutOfResources
        They would take more than ``memory`` (``memory-budget``).
    """
    where = f"dataset {dataset.name!r}"
    if kind is None and dataset.rdms:
        return Measured(dataset.rdms)
    responses, made = _asked(dataset, kind)
    own = {region.name: _columns(dataset, responses, region) for region in dataset.regions}
    size = 8 * dataset.samples**2
    asked = size * sum(map(len, own.values()))
    if asked > memory:
        raise OutOfResources(
            f"RDMs of {dataset.samples} stimuli take {size / 1e6:,.0f} MB each, {asked / 1e9:,.1f} GB in all; "
            f"{memory / 1e9:,.1f} GB are allowed.",
            where=where,
            mend="Give more memory, or make a dataset of fewer stimuli.",
            code="memory-budget",
        )
    found, told = {}, []
    for region in dataset.regions:
        subjects, rdms = [], []
        for subject, columns in own[region.name].items():
            if columns.shape[1] < _LEAST.get(made, 1):
                told.append(
                    f"region {region.name!r}, subject {subject!r}: no RDM, {columns.shape[1]} units are too few for {made!r}"
                )
                continue
            inside = columns if dataset.time is None else columns[dataset.time.inside]
            series = _series(responses, subject, inside, made, f"{where}, region {region.name!r}")
            subjects.append(subject)
            rdms.append(squared(np.mean(series, axis=0)))
        if rdms:
            found[region.name] = RegionRdms(region.name, responses.kind, np.stack(rdms)[:, None], tuple(subjects))
    if not found:
        raise BadDataset(
            f"no region has {_LEAST.get(made, 1)} units, which an RDM by {made!r} takes.",
            where=where,
            mend="Use 'euclidean', which a single unit has.",
            code="few-units",
        )
    return Measured(found, tuple(told))


def rdms_at_times(dataset: Dataset, kind: str | None, region: RegionRdms) -> Floats:
    """RDMs of a region at each time of the dataset's axis, inside the window or not: subjects x times x pairs.

    Parameters
    ----------
    dataset : Dataset
        With responses of sensors at time points.
    kind : str
        As for `measured_rdms`.
    region : RegionRdms
        From `measured_rdms`.
    """
    responses, made = _asked(dataset, kind)
    columns = _columns(dataset, responses, dataset.region(region.region))
    where = f"dataset {dataset.name!r}, region {region.region!r}"
    return np.stack([_series(responses, subject, columns[subject], made, where) for subject in region.subjects])


def _asked(dataset: Dataset, kind: str | None) -> tuple[Responses, Kind]:
    where = f"dataset {dataset.name!r}"
    if kind is None:
        raise BadDataset(
            "it publishes no RDMs, and nothing says how they are made of its responses.",
            where=where,
            mend=f"Set rdm in [benchmark], one of {', '.join(KINDS)}.",
            code="rdm-kind",
        )
    if kind not in KINDS:
        raise UnknownName("RDM", kind, KINDS)
    if dataset.responses is None:
        raise BadDataset(f"there are no responses to make RDMs of as {kind!r}.", where=where, code="rdm-kind")
    lacking = [s for s in dataset.responses.subjects if s not in dataset.responses.repeats]
    if kind in REPEATED and lacking:
        raise BadDataset(
            f"{kind!r} needs single presentations, and subject {lacking[0]!r} has only means.",
            where=where,
            mend="Use 'correlation', 'cosine' or 'euclidean'.",
            code="one-repeat",
        )
    return dataset.responses, kind


def _columns(dataset: Dataset, responses: Responses, region: Region) -> dict[str, Units]:
    """Columns of each subject's own responses that make up the region: times (one without an axis) x units."""
    starts = np.cumsum([0, *(v.shape[1] for v in responses.values.values())])
    axis: TimeAxis | None = dataset.time
    if axis is None:
        units, at, count = np.asarray(region.units), np.zeros(len(region.units), np.int64), 1
    else:
        (units, at), count = series_units(dataset.units, region, axis.times), len(axis)
    found = {}
    for subject, start, stop in zip(responses.values, starts[:-1], starts[1:], strict=True):
        mine = (units >= start) & (units < stop)
        if mine.any():
            # Sensor by sensor at every time: the order within a time is the same at all of them.
            found[subject] = np.stack([units[mine & (at == t)] - start for t in range(count)])
    return found


def _series(responses: Responses, subject: str, columns: Units, kind: Kind, where: str) -> Floats:
    """RDM at each time: times x pairs."""
    from_ = responses.repeats if kind in REPEATED else responses.values
    values = np.asarray(from_[subject])
    try:
        return np.stack([rdm(values[..., units], kind) for units in columns])
    except BadArrays as fault:
        raise BadDataset(
            fault.what, where=f"{where}, subject {subject!r}", mend=fault.mend, code=fault.code
        ) from None
