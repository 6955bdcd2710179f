"""Soundness: whether a dataset's parts fit each other, before it is packed and when a pack is verified."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.corpus import known_corpus
from gyral.datasets.dataset import Dataset
from gyral.datasets.manifest import is_safe_name
from gyral.datasets.responses import RegionRdms
from gyral.datasets.time_axis import check_time
from gyral.datasets.timeline import check_timeline
from gyral.errors import BadDataset

_AT_ONCE = 1 << 22  # bytes of an array looked at at once


def count_constant_units(dataset: Dataset) -> int:
    """Units whose response never changes; they have no correlation with anything."""
    if dataset.responses is None:
        return 0
    return sum(int((np.ptp(np.asarray(v), axis=0) == 0).sum()) for v in dataset.responses.values.values())


def check_dataset(dataset: Dataset) -> None:
    """All that a dataset must be before it is written, or after it was read.

    Constant units are counted, not refused: they simply have no score.

    Raises
    ------
    BadDataset
        Names, shapes, numbers, regions, published ceilings or the split are wrong; says which.
    """
    where = f"dataset {dataset.name!r}"
    if not is_safe_name(dataset.name):
        raise BadDataset(f"the name {dataset.name!r} cannot be a folder name.", where="about.name")
    for name in dataset.about.drawn_from or ():
        try:
            known_corpus(name)
        except ValueError as error:
            raise BadDataset(f"{error}.", where="about.drawn_from", code="unknown-corpus") from None
    samples = dataset.samples
    if dataset.timeline is not None:
        check_timeline(dataset.timeline, dataset.stimuli)
    _check_responses(dataset, samples)
    for name, rdms in dataset.rdms.items():
        _check_rdms(name, rdms, samples)
    names = [r.name for r in dataset.regions]
    if len(set(names)) != len(names):
        raise BadDataset(f"region names must be unique: {names!r}.", where=where)
    for region in dataset.regions:
        if len(region.units) and not 0 <= region.units.min() <= region.units.max() < len(dataset.units):
            raise BadDataset(f"region {region.name!r} names units outside the unit table.", where=where)
    if missing := sorted({p.region for p in dataset.published} - set(names)):
        raise BadDataset(f"published ceilings of unknown regions: {missing!r}.", where=where)
    check_time(dataset)
    dataset.split()


def _check_responses(dataset: Dataset, samples: int) -> None:
    responses = dataset.responses
    if responses is None:
        if not dataset.rdms and dataset.triplets is None:
            raise BadDataset("neither responses nor RDMs nor triplets.", where=f"dataset {dataset.name!r}")
        return
    for subject, values in responses.values.items():
        if not is_safe_name(subject):
            raise BadDataset(f"subject {subject!r} cannot be a file name.", where="responses")
        if values.ndim != 2 or len(values) != samples:
            raise BadDataset(
                f"shape {values.shape!r} does not fit {dataset.named_samples} (samples x units).",
                where=f"responses of subject {subject!r}",
            )
        _check_finite(values, f"responses of subject {subject!r}")
    if responses.n_units != len(dataset.units):
        raise BadDataset(
            f"{responses.n_units} units measured, {len(dataset.units)} in the unit table.", where="units"
        )
    stated = dataset.units["subject"].tolist()
    expected = [s for s, v in responses.values.items() for _ in range(v.shape[1])]
    if [str(s) for s in stated] != expected:
        raise BadDataset("the unit table does not follow the order of subjects.", where="units")
    for subject, repeats in responses.repeats.items():
        if subject not in responses.values:
            raise BadDataset(f"repeats of unknown subject {subject!r}.", where="repeats")
        shape = responses.values[subject].shape
        if repeats.ndim != 3 or (repeats.shape[0], repeats.shape[2]) != shape:
            raise BadDataset(
                f"shape {repeats.shape!r} does not fit responses {shape!r} (samples x repeats x units).",
                where=f"repeats of subject {subject!r}",
            )
        step = max(1, _AT_ONCE // max(1, repeats[:1].nbytes))
        if any(np.isinf(np.asarray(repeats[i : i + step])).any() for i in range(0, len(repeats), step)):
            raise BadDataset("infinite numbers.", where=f"repeats of subject {subject!r}", code="not-finite")


def _check_finite(values: NDArray[Any], where: str) -> None:
    step = max(1, _AT_ONCE // max(1, values[:1].nbytes))
    for start in range(0, len(values), step):
        bad = ~np.isfinite(np.asarray(values[start : start + step]))
        if bad.any():
            row, unit = (int(i) for i in np.argwhere(bad)[0])
            raise BadDataset(
                f"NaN or infinite at sample {start + row}, unit {unit}.",
                where=where,
                mend="A mean response must be a number; only single repeats may be missing (NaN).",
                code="not-finite",
            )


def _check_rdms(name: str, rdms: RegionRdms, samples: int) -> None:
    where, values = f"RDMs of region {name!r}", rdms.values
    if not is_safe_name(name):
        raise BadDataset(f"region {name!r} cannot be a file name.", where="rdms")
    if values.ndim != 4 or values.shape[0] != len(rdms.subjects) or values.shape[2:] != (samples, samples):
        raise BadDataset(
            f"shape {values.shape!r} is not {len(rdms.subjects)} subjects x sessions x {samples} x {samples}.",
            where=where,
        )
    dense = np.asarray(values)
    if not np.isfinite(dense).all():
        raise BadDataset("NaN or infinite dissimilarities.", where=where, code="not-finite")
    scale = float(np.abs(dense).max()) or 1.0
    if np.abs(dense - dense.swapaxes(-1, -2)).max() > 1e-5 * scale:
        raise BadDataset("not symmetric.", where=where)
    if np.abs(np.diagonal(dense, axis1=-2, axis2=-1)).max() > 1e-5 * scale:
        raise BadDataset("the diagonal is not zero.", where=where)
