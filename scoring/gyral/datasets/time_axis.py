"""TimeAxis: where a unit is a sensor at a time point, which times there are and which of them a score is about.

M/EEG responses are units like any others: one column for each sensor at each time, named by the columns ``sensor`` and
``time`` (seconds after stimulus onset) of the unit table. One decomposition of the features then serves all times, and
folds, ceilings, intervals and controls need know nothing of time. A region is a group of sensors inside the ``window``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.errors import BadDataset

if TYPE_CHECKING:
    from gyral.datasets.dataset import Dataset
    from gyral.datasets.region import Region

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class TimeAxis:
    """Times of all sensors of all subjects.

    Parameters
    ----------
    times : tuple of float
        Seconds after stimulus onset, ascending.
    window : tuple of two floats
        First and last time that a region's score is taken over, both included.

    Raises
    ------
    BadDataset
        Times do not ascend, or the window holds none of them (``time-axis``).
    """

    times: tuple[float, ...]
    window: tuple[float, float]

    def __post_init__(self) -> None:
        times = np.asarray(self.times, np.float64)
        if not len(times) or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise BadDataset("times must be seconds that ascend.", where="time.times", code="time-axis")
        if not self.inside.any():
            raise BadDataset(
                f"no time lies in {self.window!r}; they reach from {times[0]:g} to {times[-1]:g} s.",
                where="time.window",
                mend="The window is two times in seconds after stimulus onset.",
                code="time-axis",
            )

    def __len__(self) -> int:
        return len(self.times)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which times lie in the window."""
        times = np.asarray(self.times)
        return np.asarray((times >= self.window[0] - 1e-9) & (times <= self.window[1] + 1e-9))


def unit_grid(dataset: "Dataset", subject: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Columns of a subject's responses as sensors x times, and the names of its sensors in order of appearance.

    Raises
    ------
    BadDataset
        The dataset has no time axis (``no-time-axis``).
    """
    axis = dataset.time
    if axis is None:
        raise BadDataset(
            "its units are not sensors at time points.", where=f"dataset {dataset.name!r}", code="no-time-axis"
        )
    own = dataset.units[dataset.units["subject"].astype(str) == subject]
    sensors = tuple(dict.fromkeys(own["sensor"].astype(str)))
    row = own["sensor"].astype(str).map({s: i for i, s in enumerate(sensors)}).to_numpy(np.int64)
    grid = np.zeros((len(sensors), len(axis)), np.int64)
    grid[row, _nearest(axis.times, own["time"].to_numpy(np.float64))] = np.arange(len(own))
    return grid, sensors


def sensor_times(dataset: "Dataset", subject: str) -> tuple[Array, tuple[str, ...]]:
    """Responses of a subject as samples x sensors x times, and the names of the sensors."""
    grid, sensors = unit_grid(dataset, subject)
    if dataset.responses is None:
        raise BadDataset("there are no responses.", where=f"dataset {dataset.name!r}")
    return np.asarray(dataset.responses.values[subject])[:, grid], sensors


def series_units(
    units: pd.DataFrame, region: "Region", times: tuple[float, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All units of a region's sensors, inside the window or not: rows of the unit table, and the time of each as an index."""
    names = units["subject"].astype(str) + "\0" + units["sensor"].astype(str)
    chosen = np.flatnonzero(names.isin(set(names.iloc[region.units])))
    return chosen, _nearest(times, units["time"].to_numpy(np.float64)[chosen])


def check_time(dataset: "Dataset") -> None:
    """Whether the unit table has every sensor of every subject at every time once, and regions keep to the window.

    Raises
    ------
    BadDataset
        Columns are missing or times differ between sensors or subjects (``time-axes-differ``), a region holds units
        outside the window, or there are such columns and no axis.
    """
    axis, units = dataset.time, dataset.units
    if axis is None:
        return
    where = "units"
    if missing := [c for c in ("sensor", "time") if c not in units]:
        raise BadDataset(
            f"columns {missing!r} are missing; the dataset has a time axis.", where=where, code="time-axis"
        )
    times = units["time"].to_numpy(np.float64)
    nearest = _nearest(axis.times, times)
    if np.abs(np.asarray(axis.times)[nearest] - times).max(initial=0.0) > 1e-6:
        raise BadDataset("some units have a time that is not on the axis.", where=where, code="time-axes-differ")
    known = pd.DataFrame(
        {"subject": units["subject"].astype(str), "sensor": units["sensor"].astype(str), "t": nearest}
    )
    count = known.groupby(["subject", "sensor"], sort=False)["t"].agg(["size", "nunique"])
    wrong = count[(count["size"] != len(axis)) | (count["nunique"] != len(axis))]
    if len(wrong):
        subject, sensor = wrong.index[0]
        raise BadDataset(
            f"sensor {sensor!r} of subject {subject!r} has {int(wrong.iloc[0]['size'])} units; every sensor needs "
            f"one at each of {len(axis)} times.",
            where=where,
            mend="Cut and resample all recordings to the same times.",
            code="time-axes-differ",
        )
    for region in dataset.regions:
        if not axis.inside[nearest[region.units]].all():
            raise BadDataset(
                f"region {region.name!r} holds units outside the window {axis.window!r}.",
                where="time.window",
                code="time-axis",
            )


def _nearest(times: tuple[float, ...], wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    axis = np.asarray(times, np.float64)
    if len(axis) == 1:
        return np.zeros(len(wanted), np.int64)
    return np.searchsorted((axis[1:] + axis[:-1]) / 2, wanted).astype(np.int64)
