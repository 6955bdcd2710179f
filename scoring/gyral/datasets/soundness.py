"""Soundness: whether a dataset's parts fit each other, before it is packed and when a pack is verified."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.corpus import known_corpus
from gyral.datasets.dataset import About, Dataset
from gyral.datasets.manifest import is_safe_name
from gyral.datasets.responses import RegionRdms, Responses, require_band_names
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
    check_about(dataset.about)
    samples = dataset.samples
    if dataset.timeline is not None:
        check_timeline(dataset.timeline, dataset.stimuli)
    _check_responses(dataset, samples)
    if dataset.responses is not None:
        signals = () if dataset.timeline is None else dataset.timeline.signals
        require_band_names(dataset.responses.nuisances, signals, "responses.nuisances")
    for name, rdms in dataset.rdms.items():
        check_rdms(name, rdms, samples, where=f"RDMs of region {name!r}")
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


def check_about(about: About) -> None:
    """Refuse a name that cannot be a folder's, and collections nobody knows.

    Raises
    ------
    BadDataset
        Either; ``unknown-corpus`` for a collection.
    """
    if not is_safe_name(about.name):
        raise BadDataset(
            f"the name {about.name!r} cannot be a folder name.",
            where="about.name",
            mend="Letters, digits, dot, dash and underscore; the first a letter or digit.",
        )
    for name in about.drawn_from or ():
        try:
            known_corpus(name)
        except ValueError as error:
            raise BadDataset(f"{error}.", where="about.drawn_from", code="unknown-corpus") from None


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
    _check_nuisances(responses, samples)
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


def _check_nuisances(responses: Responses, samples: int) -> None:
    for band, own in responses.nuisances.items():
        where = f"nuisances {band!r}"
        if not is_safe_name(band) or set(own) != set(responses.values):
            raise BadDataset("the name cannot be a folder's, or a subject has none.", where=where)
        if len(shapes := {np.shape(v) for v in own.values()}) > 1 or len(next(iter(shapes))) != 2:
            raise BadDataset(f"shapes {sorted(shapes)!r} are not the same samples x columns in all.", where=where)
        if next(iter(shapes))[0] != samples:
            raise BadDataset(f"{next(iter(shapes))[0]} rows for {samples} samples.", where=where)
        if not all(np.isfinite(v).all() for v in own.values()):
            raise BadDataset("NaN or infinite numbers.", where=where, code="not-finite")


def _check_finite(values: NDArray[Any], where: str) -> None:
    step = max(1, _AT_ONCE // max(1, values[:1].nbytes))
    for start in range(0, len(values), step):
        bad = ~np.isfinite(np.asarray(values[start : start + step]))
        if bad.any():
            row, unit = (int(i) for i in np.argwhere(bad)[0])
            raise BadDataset(
                f"NaN or infinite at sample {start + row}, unit {unit}.",
                where=where,
                mend="A mean response must be a number; only single repeats may be missing (NaN). People who saw other "
                "stimuli share no pack: keep the stimuli that all saw, or a pack for each.",
                code="not-finite",
            )


def check_rdms(name: str, rdms: RegionRdms, samples: int, *, where: str) -> None:
    """Refuse matrices that are none of dissimilarities between so many samples; ``where`` is for messages.

    Raises
    ------
    BadDataset
        A name that cannot be a file's, another shape, NaN or infinite numbers (``not-finite``), or a matrix that is not
        symmetric or whose diagonal is not 0.
    """
    values = rdms.values
    if not is_safe_name(name):
        raise BadDataset(f"region {name!r} cannot be a file name.", where="rdms")
    if values.ndim != 4 or values.shape[0] != len(rdms.subjects) or values.shape[2:] != (samples, samples):
        raise BadDataset(
            f"shape {values.shape!r} is not {len(rdms.subjects)} subjects x sessions x {samples} x {samples}.",
            where=where,
            mend=f"Each matrix has a row and a column for each of the {samples} samples, in their order.",
        )
    dense = np.asarray(values)
    if not np.isfinite(dense).all():
        raise BadDataset(
            "NaN or infinite dissimilarities.",
            where=where,
            mend="Every pair of stimuli needs a number; leave out stimuli or subjects without one.",
            code="not-finite",
        )
    scale = float(np.abs(dense).max()) or 1.0
    if (apart := float(np.abs(dense - dense.swapaxes(-1, -2)).max())) > 1e-5 * scale:
        raise BadDataset(
            f"not symmetric: two dissimilarities of one pair are {apart:.3g} apart.",
            where=where,
            mend="Save (rdm + rdm.T) / 2 if both were measured; a matrix of conditions x features is no RDM.",
        )
    if (largest := float(np.abs(np.diagonal(dense, axis1=-2, axis2=-1)).max())) > 1e-5 * scale:
        raise BadDataset(
            f"the diagonal is not zero: a stimulus is {largest:.3g} from itself.",
            where=where,
            mend="Dissimilarities are expected; of similarities (correlations) save 1 - r.",
        )
