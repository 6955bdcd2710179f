"""Surrogates: maps as smooth as a given one that know nothing else of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

_BINS = 20
_NEAR = 0.4  # quantile of distances up to which the variogram is matched
_SHARES = np.arange(0.1, 1.0, 0.1)  # of neighbours that a shuffled map is smoothed over


def spun(places: Array, hemisphere: Array, *, draws: int = 1000, seed: int = 0) -> NDArray[np.int64]:
    """Random rotations of a sphere as reorderings of its points: draws x points.

    Each point takes the value of the one that a rotation brings nearest to it; the other hemisphere is turned as in a mirror
    (Alexander-Bloch et al. 2018, NeuroImage 178, 540-551). ``values[spun(...)]`` are surrogates of ``values``.

    Parameters
    ----------
    places : array, points x 3
        On a sphere round the origin, of each hemisphere by itself (fsaverage's ``sphere``).
    hemisphere : array, points
        Two names, or one.
    draws, seed : int

    Raises
    ------
    BadArrays
        Shapes do not fit, or there are more than two hemispheres.
    """
    sides = list(dict.fromkeys(np.asarray(hemisphere).tolist()))
    if places.ndim != 2 or places.shape[1] != 3 or len(hemisphere) != len(places) or len(sides) > 2:
        raise BadArrays("places must be points x 3, of one or two hemispheres.", where="places", code="shape")
    from scipy.spatial import cKDTree  # slow import

    rng = np.random.default_rng([seed, 0x591A])
    out = np.empty((draws, len(places)), np.int64)
    mirror = np.diag([-1.0, 1.0, 1.0])
    own = [np.flatnonzero(np.asarray(hemisphere) == side) for side in sides]
    for d in range(draws):
        turn, scale = np.linalg.qr(rng.normal(size=(3, 3)))
        turn = turn * np.sign(np.diag(scale))
        if np.linalg.det(turn) < 0:
            turn[:, 0] *= -1
        for k, members in enumerate(own):
            rotation = turn if k == 0 else mirror @ turn @ mirror
            _, nearest = cKDTree(places[members] @ rotation.T).query(places[members])
            out[d, members] = members[nearest]
    return out


def variogram_surrogates(values: Array, distances: Array, *, draws: int = 1000, seed: int = 0) -> Floats:
    """Random maps with the variogram of ``values`` and its very values: draws x points.

    A shuffled map is smoothed over several numbers of neighbours; that smoothing is kept whose variogram, scaled and
    with white noise added, is nearest to the map's own; ranks are then given the original values (Burt et al. 2020,
    NeuroImage 220, 117038). Unlike rotations it needs no sphere.

    Parameters
    ----------
    values : array, points
    distances : array, points x points
        Between points, along the cortex or straight.
    draws, seed : int

    Raises
    ------
    BadArrays
        Shapes do not fit, or a value is missing.
    """
    x, count = np.asarray(values, np.float64), len(values)
    if distances.shape != (count, count) or not np.isfinite(x).all():
        raise BadArrays("distances must be points x points, and values complete.", where="distances", code="shape")
    rng = np.random.default_rng([seed, 0x7A10])
    first, second = np.triu_indices(count, 1)
    apart = np.asarray(distances, np.float64)[first, second]
    near = apart <= np.quantile(apart, _NEAR)
    first, second, apart = first[near], second[near], apart[near]
    edges = np.quantile(apart, np.linspace(0, 1, _BINS + 1)[1:-1])
    bins = np.searchsorted(edges, apart)
    sizes = np.maximum(np.bincount(bins, minlength=_BINS), 1)

    def variogram(maps: Floats) -> Floats:
        squares = 0.5 * (maps[first] - maps[second]) ** 2
        return np.bincount(bins, squares, minlength=_BINS) / sizes

    target, ordered = variogram(x), np.sort(x)
    kernels = [_kernel(np.asarray(distances, np.float64), max(2, round(share * count))) for share in _SHARES]
    out = np.empty((draws, count))
    for d in range(draws):
        shuffled = rng.permutation(x - x.mean())
        best, chosen = np.inf, shuffled
        for kernel in kernels:
            smooth = kernel @ shuffled
            design = np.column_stack([variogram(smooth), np.ones(_BINS)])
            slope, offset = np.linalg.lstsq(design, target, rcond=None)[0]
            error = float(((design @ [slope, offset] - target) ** 2).sum())
            if error < best:
                noise = rng.normal(size=count)
                best, chosen = error, np.sqrt(abs(slope)) * smooth + np.sqrt(abs(offset)) * noise
        out[d, np.argsort(chosen)] = ordered
    return out


def _kernel(distances: Floats, neighbours: int) -> Floats:
    """Exponential weights over the nearest neighbours, rows adding up to 1."""
    reach = np.sort(distances, axis=1)[:, min(neighbours, len(distances) - 1)]
    weight = np.where(distances <= reach[:, None], np.exp(-distances / np.maximum(reach[:, None], 1e-12)), 0.0)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
