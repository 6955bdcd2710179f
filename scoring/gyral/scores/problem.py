"""Problem: what an encoding score is computed against, whether it came from a pack or from arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.dataset import Dataset
from gyral.datasets.region import Region
from gyral.datasets.split import Split
from gyral.datasets.time_axis import series_units
from gyral.errors import BadArrays, BadDataset, EngineError
from gyral.scores.ceiling import Ceiling, from_repeats, from_subjects, published
from gyral.scores.series import Series

# Ceilings from subjects predicting each other, which takes fits.
BETWEEN = ("extrapolation", "consistency")


@dataclass(frozen=True, eq=False)
class Problem:
    """Responses with their split, regions and ceiling.

    Parameters
    ----------
    responses : array, samples x units
        float32; NaN masks a sample for a unit.
    split : Split
    regions : tuple of Region
    subject_of : array of str, one a unit
    ceiling : Ceiling or None
    repeats : array, samples x repeats x units, optional
        Presentations behind a ceiling of the kind "ncsnr", which is then redrawn with the stimuli.
    exchangeable : bool
        True where samples are in no order and in no groups.
    degrees : float or None
        Width of what the model sees of an image, in degrees of visual angle.
    position : tuple of float
        Centre of the images as they were shown: degrees right of fixation and above it.
    series : tuple of Series
        Where units are sensors at time points: those of each region at all times.
    """

    responses: NDArray[np.floating[Any]]
    split: Split
    regions: tuple[Region, ...]
    subject_of: NDArray[np.str_]
    ceiling: Ceiling | None
    repeats: NDArray[np.floating[Any]] | None = None
    exchangeable: bool = False
    degrees: float | None = None
    position: tuple[float, float] = (0.0, 0.0)
    series: tuple[Series, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects in order of appearance."""
        return tuple(dict.fromkeys(self.subject_of.tolist()))

    def members(self, region: Region) -> list[NDArray[np.int64]]:
        """Positions in the region of each subject's units, in the order of `subjects`; those without units left out."""
        owner = self.subject_of[region.units]
        found = [np.flatnonzero(owner == s) for s in self.subjects]
        return [units for units in found if len(units)]

    @cached_property
    def scored(self) -> NDArray[np.int64]:
        """Units that stand in at least one region, or in its series, ascending."""
        return np.unique(
            np.concatenate([*(r.units for r in self.regions), *(s.units for s in self.series)])
        ).astype(np.int64)

    @cached_property
    def parts(self) -> tuple[Region, ...]:
        """Each region's units of each subject (``path`` is region and subject): what may share parameters."""
        found = []
        for region in [s.as_region for s in self.series] or self.regions:
            for units in self.members(region):
                mine = region.units[units]
                subject = str(self.subject_of[mine[0]])
                found.append(Region(f"{region.name} of {subject}", mine, (region.name, subject)))
        return tuple(found)


def problem_of(dataset: Dataset, ceiling: str) -> Problem:
    """The encoding problem a dataset poses.

    Parameters
    ----------
    dataset : Dataset
        With responses.
    ceiling : {"ncsnr", "split-half", "loso", "published", "none"}
        Estimator: repeats, leave one subject out, or the literature. Those of `BETWEEN` need fits:
        `gyral.between.posed`.

    Raises
    ------
    BadDataset
        No responses, or a ceiling is asked for that the data do not allow: no stimulus was repeated (``no-repeats``),
        fewer than three subjects (``too-few-subjects``), subjects without shared stimuli and units (``subjects-differ``).
    """
    if ceiling in BETWEEN:
        raise EngineError(f"the ceiling {ceiling!r} is made by gyral.between.posed")
    if dataset.responses is None:
        raise BadDataset("there are no responses to predict, only RDMs.", where=f"dataset {dataset.name!r}")
    split = dataset.split()
    found: Ceiling | None = None
    repeats = None
    if ceiling in ("ncsnr", "split-half"):
        repeats = dataset.responses.stacked_repeats()
        if repeats is None:
            raise BadDataset(
                "a ceiling from repeats was asked for, and there are no repeats of every subject.",
                where=f"ceiling {ceiling!r} of dataset {dataset.name!r}",
                mend="Use a ceiling from subjects, or 'none'.",
                code="no-repeats",
            )
        with _of(dataset, ceiling):
            found = from_repeats(repeats, split, cast("Literal['ncsnr', 'split-half']", ceiling))
    elif ceiling == "loso":
        with _of(dataset, ceiling):
            found = from_subjects(dataset.responses.values, split)
    elif ceiling == "published":
        values = np.full(dataset.responses.n_units, np.nan)
        for bound in dataset.published:
            values[dataset.region(bound.region).units] = bound.value if bound.unit == "r2" else bound.value**2
        found = published(values, len(split.folds))
    subject_of = dataset.units["subject"].to_numpy(dtype=str)
    return Problem(
        dataset.responses.stacked(),
        split,
        dataset.regions,
        subject_of,
        found,
        repeats=repeats if ceiling == "ncsnr" else None,
        exchangeable=not dataset.about.ordered and split.groups is None,
        series=_series(dataset),
    )


def _series(dataset: Dataset) -> tuple[Series, ...]:
    axis = dataset.time
    if axis is None:
        return ()
    found = [(r.name, *series_units(dataset.units, r, axis.times)) for r in dataset.regions]
    return tuple(Series(name, units, time_of, axis.times, axis.window) for name, units, time_of in found)


@contextmanager
def _of(dataset: Dataset, ceiling: str) -> Iterator[None]:
    """Errors that name the dataset and its ceiling, not an argument."""
    try:
        yield
    except BadArrays as error:
        where = f"ceiling {ceiling!r} of dataset {dataset.name!r}"
        raise BadDataset(error.what, where=where, mend=error.mend, code=error.code) from None
