"""Region: a name and the units in it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Region:
    """A set of units under a hierarchical name; regions may overlap.

    Parameters
    ----------
    name : str
        Unique in its dataset ("V4", "lang_LH_netw").
    units : int array
        Rows of the dataset's unit table.
    path : tuple of str
        Names from the root to this region, itself included (``("visual", "ventral", "V4")``).
    title : str
        What to show on a page; defaults to the name.
    """

    name: str
    units: NDArray[np.integer[Any]]
    path: tuple[str, ...] = ()
    title: str = ""

    def __len__(self) -> int:
        return len(self.units)
