"""Regions of a fit: all units where none are given, and one prediction for a unit of several regions."""

from collections.abc import Sequence

import numpy as np

from gyral.datasets.region import Region
from gyral.readouts.readout import Array, Rows


def or_all(regions: Sequence[Region], units: int) -> tuple[Region, ...]:
    """The regions that were given, or one of all units."""
    return tuple(regions) or (Region("all units", np.arange(units)),)


def mean_over_regions(parts: Sequence[Array], regions: Sequence[Region], units: int) -> Array:
    """What each region says of its units, as one array: ... x units.

    A unit of several regions has the mean, never the sum; one of none has NaN.

    Parameters
    ----------
    parts : sequence of array, ... x units of the region
    regions : sequence of Region
    units : int
        In all.
    """
    total, count = np.zeros((*parts[0].shape[:-1], units)), np.zeros(units)
    for values, region in zip(parts, regions, strict=True):
        total[..., region.units] += values
        count[region.units] += 1
    return np.asarray(total / np.where(count > 0, count, np.nan))


def same_regions(regions: Sequence[Rows], units: int) -> Rows:
    """Number of the set of regions that each unit is in; equal for units of the same regions."""
    member = np.zeros((units, max(1, len(regions))), bool)
    for k, inside in enumerate(regions):
        member[inside, k] = True
    _, group = np.unique(np.packbits(member, axis=1), axis=0, return_inverse=True)
    return np.asarray(group.reshape(-1))
