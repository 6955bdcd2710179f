"""Series: the units of a region at every time, inside the window or not; what a curve is computed from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region

Units = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Series:
    """A sensor group over time.

    Parameters
    ----------
    region : str
        Name of the region whose sensors these are.
    units : int array
        Rows of the unit table: all sensors of the region (of all subjects) at all times.
    time_of : int array, units
        Index into ``times``.
    times : tuple of float
        Seconds after stimulus onset.
    window : tuple of two floats
        First and last time of the region itself.
    """

    region: str
    units: Units
    time_of: Units
    times: tuple[float, ...]
    window: tuple[float, float]

    def __len__(self) -> int:
        return len(self.units)

    @property
    def as_region(self) -> Region:
        """The same units as a region."""
        return Region(self.region, self.units)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which times lie in the window."""
        times = np.asarray(self.times)
        return np.asarray((times >= self.window[0] - 1e-9) & (times <= self.window[1] + 1e-9))

    def parts(self, subject_of: NDArray[np.str_], subjects: tuple[str, ...]) -> list[Units]:
        """Positions in ``units`` of each subject at each time, subject after subject."""
        owner = subject_of[self.units]
        return [
            np.flatnonzero((owner == s) & (self.time_of == t)).astype(np.int64)
            for s in subjects
            for t in range(len(self.times))
        ]
