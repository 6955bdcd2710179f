"""Where simulated units sit, how they repeat, and what bounds them (all simulated)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.datasets.responses import Responses

Array = NDArray[np.float64]

REPEATS = 4
SUBJECTS = ("sim-1", "sim-2", "sim-3")
# Share of stimuli shown 1, 2, 3 and 4 times: the first subject saw all of them four times.
_SHOWN = {"sim-1": (0.0, 0.0, 0.0, 1.0), "sim-2": (0.0, 0.0, 0.2, 0.8), "sim-3": (0.05, 0.1, 0.2, 0.65)}
_SILENT = 0.08  # share of units that carry noise only
_DECIMALS = 4  # responses are rounded, so that the last bits of a machine's sums do not change the content


@dataclass(frozen=True)
class Patch:
    """A simulated region: what it carries and where it sits.

    Parameters
    ----------
    name, path, title : str, tuple of str, str
        As in `gyral.datasets.region.Region`.
    truth : str
        Word for what its units compute.
    units : int
        Units a subject.
    anchor : tuple of three floats
        Middle of the patch on the right hemisphere, mm in MNI 305 space; mirrored for the left one.
    """

    name: str
    path: tuple[str, ...]
    title: str
    truth: str
    units: int
    anchor: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Population:
    """Noiseless responses of one patch in one subject.

    Parameters
    ----------
    patch : Patch
        Where they sit.
    signal : array, samples x units
        Mean 0 and variance 1 over stimuli, for every unit.
    fields : array, units x 3, optional
        Receptive field: centre x, centre y (shares of the image, y downwards) and standard deviation.
    """

    patch: Patch
    signal: Array
    fields: Array | None = None


def stream(seed: int, *names: str) -> np.random.Generator:
    """An independent random stream for a seed and a path of names."""
    digest = hashlib.sha256("/".join((str(seed), *names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def standardised(signal: Array) -> Array:
    """Columns with mean 0 and variance 1 over stimuli."""
    centred = signal - signal.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=0)))


def mixed(features: Array, weights: Array) -> Array:
    """``features @ weights`` without BLAS, whose order of summation differs between machines."""
    return np.asarray(np.einsum("sf,fu->su", features, weights, optimize=False))


def measure(
    name: str, populations: Mapping[str, list[Population]], seed: int
) -> tuple[Responses, pd.DataFrame, tuple[Region, ...]]:
    """Place the units of all subjects on the cortex and measure them with noise.

    A unit's repeat is ``baseline + gain * (signal + noise)``, the noise normal and independent, with variance
    ``1 / snr``. With n_i repeats of stimulus i, the mean over repeats has the planted ceiling (in r2)
    ``snr / (snr + mean(1 / n_i))``; a silent unit has ``gain * noise`` only, and ceiling 0.
    """
    values, repeats, tables = {}, {}, []
    patches = tuple(part.patch for part in next(iter(populations.values())))
    land = {side: territories(patches, side) for side in ("left", "right")}
    for subject, parts in populations.items():
        samples = len(parts[0].signal)
        there = shown(samples, stream(seed, name, subject, "shown"), subject)
        single, table = [], []
        for part in parts:
            rng = stream(seed, name, subject, part.patch.name, "noise")
            noisy, facts = _repeated(part, there, rng)
            single.append(noisy)
            spots = stream(seed, name, subject, part.patch.name, "vertex")
            own = {side: land[side][part.patch.name] for side in land}
            table.append(facts.assign(**_placed(part, own, spots)))
        repeats[subject] = np.concatenate(single, axis=2).astype(np.float32)
        values[subject] = mean_repeat(repeats[subject])
        tables.append(pd.concat(table).assign(subject=subject))
    units = pd.concat(tables, ignore_index=True)
    first = ["subject", "unit", "hemisphere", "vertex", "x", "y", "z", "region", "truth"]
    units = units[first + [c for c in units.columns if c not in first]]
    regions = tuple(Region(p.name, np.flatnonzero(units["region"] == p.name), p.path, p.title) for p in patches)
    return Responses("simulated", "a.u.", values, repeats), units, regions


def shown(samples: int, rng: np.random.Generator, subject: str) -> NDArray[np.bool_]:
    """Which repeats were measured, samples x repeats; at least one of each stimulus."""
    shares = np.array(_SHOWN[subject])
    counts = np.repeat([1, 2, 3, 4], np.diff(np.round(np.cumsum([0, *shares]) * samples).astype(int)))
    order = np.argsort(rng.random((samples, REPEATS)), axis=1, kind="stable")
    return np.asarray(order < rng.permutation(counts)[:, None])


def _repeated(
    part: Population, shown: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[Any], pd.DataFrame]:
    samples, units = part.signal.shape
    silent = rng.permutation(units) < round(_SILENT * units)
    bound = rng.uniform(0.25, 0.85, size=units)  # ceiling if every stimulus had all repeats
    snr = np.where(silent, 0.0, bound / (1 - bound) / REPEATS)
    gain, baseline = np.exp(rng.normal(0, 0.3, size=units)), rng.normal(0, 1, size=units)
    noise = rng.normal(size=(samples, REPEATS, units)) / np.sqrt(np.where(silent, 1.0, snr))
    signal = np.where(silent, 0.0, part.signal)
    noisy = np.round(baseline + gain * (signal[:, None] + noise), _DECIMALS)
    noisy[~shown] = np.nan
    missing = (1 / shown.sum(axis=1)).mean()
    facts = pd.DataFrame(
        {
            "unit": [f"{part.patch.name}-{i + 1:03d}" for i in range(units)],
            "region": part.patch.name,
            "truth": np.where(silent, "silent", part.patch.truth),
            "planted_ceiling": np.round(snr / (snr + missing), 6),
            "planted_snr": np.round(snr, 6),
        }
    )
    if part.fields is not None:
        facts[["rf_x", "rf_y", "rf_size"]] = np.round(part.fields, 4)
    return noisy, facts


def mean_repeat(single: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the repeats that were measured, samples x units."""
    return np.asarray(np.round(np.nanmean(single.astype(np.float64), axis=1), 6).astype(np.float32))


def _placed(part: Population, own: Mapping[str, NDArray[np.int64]], rng: np.random.Generator) -> dict[str, Any]:
    """Vertices of fsaverage5: a receptive field right of the middle sits on the left hemisphere.

    ``own`` are the patch's vertices by hemisphere; at least half of them stay free, so that subjects differ.
    """
    units = part.signal.shape[1]
    left = part.fields[:, 0] > 0.5 if part.fields is not None else np.arange(units) % 2 == 0
    vertex, place = np.zeros(units, np.int64), np.zeros((units, 3))
    for side, chosen in (("left", left), ("right", ~left)):
        vertex[chosen] = rng.permutation(own[side])[: chosen.sum()]
        place[chosen] = _hemisphere(side)[0][vertex[chosen]]
    x, y, z = np.round(place, 3).T
    return {"hemisphere": np.where(left, "left", "right"), "vertex": vertex, "x": x, "y": y, "z": z}


def territories(patches: tuple[Patch, ...], side: str) -> dict[str, NDArray[np.int64]]:
    """Vertices of each patch on one hemisphere: the free ones nearest to its anchor, twice as many as units.

    Parameters
    ----------
    patches : tuple of Patch
        Earlier ones choose first; no vertex belongs to two.
    side : {"left", "right"}
    """
    pial, sphere = _hemisphere(side)
    free = np.ones(len(pial), bool)
    taken = {}
    for patch in patches:
        anchor = np.array(patch.anchor) * (-1 if side == "left" else 1, 1, 1)
        middle = np.argmin(((pial - anchor) ** 2).sum(axis=1))
        # On the sphere neighbours are neighbours on the sheet; in space they may be the far bank of a sulcus.
        apart = np.where(free, ((sphere - sphere[middle]) ** 2).sum(axis=1), np.inf)
        taken[patch.name] = np.argsort(apart, kind="stable")[: 2 * patch.units].astype(np.int64)
        free[taken[patch.name]] = False
    return taken


@lru_cache(maxsize=2)
def _hemisphere(side: str) -> tuple[Array, Array]:
    """Coordinates of fsaverage5 on the pial surface and on the sphere, vertices x 3, mm."""
    from nilearn.datasets import load_fsaverage  # slow: imports scikit-learn

    meshes = load_fsaverage("fsaverage5")
    pial, sphere = (meshes[kind].parts[side].coordinates.astype(np.float64) for kind in ("pial", "sphere"))
    return pial, sphere
