"""Simulated visual units: what each of them computes from the pixels of an image.

The planted map has 16 channels on an 8 x 8 grid: energy of 4 orientations at 2 scales, light, dark,
red, green, blue, yellow, saturation and contrast. Everything a unit does is written in terms of it.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.simulated_cortex import Array, Patch, Population, mixed, standardised, stream

GRID = 8
ORIENTATIONS = 4
CYCLES = (9.0, 20.0)  # per image: the two scales of the energy channels
SATURATION = 14
CHANNELS = (
    *(f"energy-{scale}-{45 * turn}" for scale in ("coarse", "fine") for turn in range(ORIENTATIONS)),
    *("light", "dark", "red", "green", "blue", "yellow", "saturation", "contrast"),
)
_NOT_COLOUR = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15])
_FOCUS = 3.0  # sharpness of the routed region's attention, in sd of the saturation channel

PATCHES = tuple(
    Patch(name, (*above, name), f"{title} (simulated)", truth, units, anchor)
    for name, above, title, truth, units, anchor in (
        ("sim_V1", ("visual", "early"), "early visual 1", "field x features", 24, (9, -92, 2)),
        ("sim_V2", ("visual", "early"), "early visual 2", "field x features", 24, (19, -90, 24)),
        ("sim_V4", ("visual", "ventral"), "ventral V4", "field x conjunctions", 32, (29, -77, -14)),
        ("sim_object", ("visual", "ventral"), "object form", "form of the object", 24, (38, -50, -20)),
        ("sim_pooled", ("visual", "ventral"), "scene summary", "global average", 16, (22, -36, -12)),
        ("sim_routed", ("visual", "dorsal"), "object follower", "content-routed", 24, (26, -62, 54)),
        ("sim_dense", ("visual", "lateral"), "dense mixture", "dense linear", 16, (48, -70, 4)),
        ("sim_noise", ("control",), "reliable noise", "unrelated to the images", 12, (44, -16, 54)),
    )
)


def feature_map(images: NDArray[np.uint8]) -> Array:
    """The planted map of each image, samples x channels x height x width, standardised per channel.

    Parameters
    ----------
    images : uint8 array, samples x height x width x 3
    """
    raw = np.stack([_channels(image / 255.0) for image in images])
    centred = raw - raw.mean(axis=(0, 2, 3), keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=(0, 2, 3), keepdims=True)))


def conjunctions(features: Array) -> Array:
    """28 products of rectified channels (orientation x orientation, orientation x colour), standardised.

    Parameters
    ----------
    features : array, samples x channels x height x width
        The planted map.
    """
    rectified = np.maximum(features, 0)
    pairs = [(a, b) for a in range(8) for b in range(a + 1, 8) if (b - a) % ORIENTATIONS in (0, 2)]
    pairs += [(a, b) for a in range(4, 8) for b in range(10, 14)]
    both = np.sqrt(np.stack([rectified[:, a] * rectified[:, b] for a, b in pairs], axis=1))
    centred = both - both.mean(axis=(0, 2, 3), keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=(0, 2, 3), keepdims=True)))


def field_weights(fields: Array) -> Array:
    """Gaussian receptive fields on the grid, positions (row-major) x units, summing to 1.

    Parameters
    ----------
    fields : array, units x 3
        Centre x, centre y and standard deviation as shares of the image.
    """
    centre = (np.arange(GRID) + 0.5) / GRID
    y, x = (axis.reshape(-1, 1) for axis in np.meshgrid(centre, centre, indexing="ij"))
    weights = np.exp(-((x - fields[:, 0]) ** 2 + (y - fields[:, 1]) ** 2) / (2 * fields[:, 2] ** 2))
    return np.asarray(weights / weights.sum(axis=0))


def routed(features: Array) -> Array:
    """Channels at the place the routed region attends to, samples x channels: the most colourful one."""
    flat = features.reshape(*features.shape[:2], -1)
    attention = np.exp(_FOCUS * (flat[:, SATURATION] - flat[:, SATURATION].max(axis=1, keepdims=True)))
    attention /= attention.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("scp,sp->sc", flat, attention, optimize=False))


def form(images: NDArray[np.uint8]) -> Array:
    """Shape and texture of the colourful object wherever it is, samples x 8, standardised.

    Size, solidity, filled middle, strength of 3-, 4- and 5-fold symmetry, mean and sd of its luminance: all
    computed from the pixels more colourful than 0.4 of the most colourful ones. Its hue and its place are left out.
    """
    return standardised(np.array([_form(image / 255.0) for image in images]))


def populate(features: Array, forms: Array, subject: str, seed: int) -> list[Population]:
    """The noiseless units of one subject, patch after patch.

    Parameters
    ----------
    features : array, samples x channels x height x width
        The planted map (`feature_map`).
    forms : array, samples x 8
        Form of the object (`form`).
    subject, seed : str, int
        What the units' fields and weights are drawn from.
    """
    return [_population(p, features, forms, stream(seed, "vision", subject, p.name, "units")) for p in PATCHES]


def _population(patch: Patch, features: Array, forms: Array, rng: np.random.Generator) -> Population:
    samples, channels = features.shape[:2]
    units = patch.units
    if patch.name == "sim_object":
        return Population(patch, standardised(mixed(forms, rng.normal(size=(forms.shape[1], units)))))
    if patch.name in ("sim_V1", "sim_V2", "sim_V4"):
        low, high = {"sim_V1": (0.05, 0.1), "sim_V2": (0.1, 0.16), "sim_V4": (0.14, 0.22)}[patch.name]
        fields = np.column_stack([rng.uniform(0.15, 0.85, (units, 2)), rng.uniform(low, high, units)])
        seen, weights = features, _tuned(units, rng)
        if patch.name == "sim_V4":
            seen = np.concatenate([features, conjunctions(features)], axis=1)
            weights = rng.normal(size=(seen.shape[1], units)) * _scale(channels, seen.shape[1])
        elif patch.name == "sim_V2":
            weights = weights + _tuned(units, rng)
        pooled = _through_field(seen, field_weights(fields))
        signal = (pooled * weights.T).sum(axis=2)
        return Population(patch, standardised(signal), np.round(fields, 4))
    if patch.name == "sim_routed":
        weights = rng.normal(size=(len(_NOT_COLOUR), units))
        return Population(patch, standardised(mixed(routed(features)[:, _NOT_COLOUR], weights)))
    if patch.name == "sim_pooled":
        return Population(
            patch, standardised(mixed(features.mean(axis=(2, 3)), rng.normal(size=(channels, units))))
        )
    if patch.name == "sim_dense":
        flat = features.reshape(samples, -1)
        return Population(patch, standardised(mixed(flat, rng.normal(size=(flat.shape[1], units)))))
    return Population(patch, standardised(rng.normal(size=(samples, units))))


def _through_field(features: Array, weights: Array) -> Array:
    """Channels averaged under each unit's field, samples x units x channels."""
    flat = features.reshape(*features.shape[:2], -1)
    return np.asarray(np.einsum("scp,pu->suc", flat, weights, optimize=False))


def _tuned(units: int, rng: np.random.Generator) -> Array:
    """Weights like those of early cells, channels x units: an orientation, a scale, a little of the rest."""
    weights = rng.normal(0, 0.25, size=(len(CHANNELS), units))
    preferred, scale = rng.uniform(0, np.pi, units), rng.integers(0, 2, units)
    for turn in range(ORIENTATIONS):
        bump = np.exp(2 * (np.cos(2 * (turn * np.pi / ORIENTATIONS - preferred)) - 1))
        weights[scale * ORIENTATIONS + turn, np.arange(units)] += bump
    return weights


def _scale(plain: int, total: int) -> Array:
    """Conjunctions weigh twice as much as plain channels."""
    return np.where(np.arange(total) < plain, 0.5, 1.0)[:, None]


def _channels(image: Array) -> Array:
    """The 16 channels of one image, channels x 8 x 8, before standardising."""
    red, green, blue = np.moveaxis(image, 2, 0)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    energies = _energies(light)
    rg, by = red - green, blue - (red + green) / 2
    local = _cells(light)
    contrast = np.sqrt(np.maximum(_cells(light**2) - local**2, 0))
    parts: Sequence[Array] = [
        *(np.sqrt(_cells(e)) for e in energies),
        np.maximum(local - 0.5, 0),
        np.maximum(0.5 - local, 0),
        *(_cells(np.maximum(part, 0)) for part in (rg, -rg, by, -by)),
        _cells(image.max(axis=2) - image.min(axis=2)),
        contrast,
    ]
    return np.stack(parts)


def _form(image: Array) -> list[float]:
    colourful = image.max(axis=2) - image.min(axis=2)
    inside = colourful > max(0.15, 0.4 * float(np.quantile(colourful, 0.995)))
    y, x = (axis.astype(float) for axis in np.nonzero(inside))
    dy, dx = y - y.mean(), x - x.mean()
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    reach = radius.max() + 1
    folds = [float(np.abs((np.exp(1j * fold * angle) * (radius / reach) ** 2).mean())) for fold in (3, 4, 5)]
    cy, cx = round(y.mean()), round(x.mean())
    middle = float(inside[cy - 1 : cy + 2, cx - 1 : cx + 2].mean())
    light = (image[inside] * np.array([0.299, 0.587, 0.114])).sum(axis=1)
    size = float(inside.sum())
    return [np.log(size), size / (np.pi * reach**2), middle, *folds, float(light.mean()), float(light.std())]


def _cells(plane: Array) -> Array:
    """Mean over the cells of the 8 x 8 grid."""
    cell = len(plane) // GRID
    return np.asarray(plane.reshape(GRID, cell, GRID, cell).mean(axis=(1, 3)))


def _energies(light: Array) -> list[Array]:
    """Squared magnitude of complex oriented band-pass filters, one plane per scale and orientation."""
    spectrum = np.fft.fft2(light)
    return [np.abs(np.fft.ifft2(spectrum * passed)) ** 2 for passed in _filters(len(light))]


@lru_cache(maxsize=1)
def _filters(side: int) -> tuple[Array, ...]:
    """Transfer functions of the filters: one-octave bands, on one half-plane of frequencies only.

    The filtered image is therefore complex, and its modulus does not depend on phase.
    """
    fy, fx = np.meshgrid(np.fft.fftfreq(side, 1 / side), np.fft.fftfreq(side, 1 / side), indexing="ij")
    radius, angle = np.hypot(fx, fy), np.arctan2(fy, fx)
    bands = [np.exp(-(np.log2(np.maximum(radius, 1e-9) / cycles) ** 2) / (2 * 0.5**2)) for cycles in CYCLES]
    tuned = [np.exp(4 * (np.cos(angle - turn * np.pi / ORIENTATIONS) - 1)) for turn in range(ORIENTATIONS)]
    return tuple(band * tune for band in bands for tune in tuned)
