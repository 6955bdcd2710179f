"""Edges and colour: oriented Gabor energies at four scales and opponent colour, on a 7 x 7 grid."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]

SIZE = 112
GRID = 7
WAVELENGTHS = (4, 8, 16, 32)  # pixels of the 112 x 112 image
ORIENTATIONS = 8

# Opponent axes: luminance, red against green, blue against yellow.
_OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, -0.5, 0.0], [-0.25, -0.25, 0.5]], np.float32)
CHANNELS = len(WAVELENGTHS) * ORIENTATIONS + len(_OPPONENT)

_BORDER = 24  # mirrored pixels on every side: a filter would else see the wrapped-around edge
_PADDED = SIZE + 2 * _BORDER


def energies(images: NDArray[np.floating[Any]]) -> Floats:
    """Features of RGB images.

    Parameters
    ----------
    images : array, samples x 112 x 112 x 3
        Values 0..1.

    Returns
    -------
    array, samples x channels x 7 x 7
        For every wavelength and orientation the mean amplitude of the complex Gabor response (Adelson and
        Bergen 1985, doi:10.1364/JOSAA.2.000284) in each cell, then the mean of luminance, red-green and
        blue-yellow.
    """
    opponent = np.einsum("oc,nhwc->nohw", _OPPONENT, images.astype(np.float32))
    grey = opponent[:, 0] - opponent[:, 0].mean(axis=(1, 2), keepdims=True)
    around = ((0, 0), (_BORDER, _BORDER), (_BORDER, _BORDER))
    spectrum = fft.fft2(np.pad(grey, around, mode="symmetric"))
    maps = [_cells(_amplitude(spectrum, wavelength, gain)) for wavelength, gain in _filters()]
    return np.concatenate([np.stack(maps, axis=1), _cells(opponent)], axis=1)


def contrast(images: NDArray[np.floating[Any]]) -> Floats:
    """Root-mean-square contrast: the standard deviation of luminance in each cell, ``samples x 1 x 7 x 7``.

    Parameters
    ----------
    images : array, samples x 112 x 112 x 3
        Values 0..1.

    References
    ----------
    Peli (1990), doi:10.1364/JOSAA.7.002032.
    """
    grey = images.astype(np.float32) @ _OPPONENT[0]
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    variance = _cells(grey**2) - _cells(grey) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0.0))[:, None], np.float32)


def _amplitude(spectrum: NDArray[np.complex64], wavelength: int, gain: Floats) -> Floats:
    """Amplitude of one filter's response, sampled every ``_step(wavelength)`` pixels, border cut off."""
    side, step = len(gain), _step(wavelength)
    kept = np.r_[0 : side // 2, _PADDED - side // 2 : _PADDED]
    response = fft.ifft2(spectrum[:, kept[:, None], kept[None]] * gain) / step**2
    inner = slice(_BORDER // step, (_BORDER + SIZE) // step)
    return np.asarray(np.abs(response[:, inner, inner]), np.float32)


def _cells(maps: Floats) -> Floats:
    """Means over the 7 x 7 cells of the last two axes."""
    side = maps.shape[-1] // GRID
    cells = maps.reshape(*maps.shape[:-2], GRID, side, GRID, side)
    return np.asarray(cells.mean(axis=(-3, -1)), np.float32)


def _step(wavelength: int) -> int:
    """Coarse filters hold no high frequencies: their response is computed on every second or fourth pixel."""
    return min(4, wavelength // 4)


@cache
def _filters() -> tuple[tuple[int, Floats], ...]:
    """Gains in the Fourier plane: one-sided Gaussians, about one octave wide; their inverse is a complex Gabor."""
    made = []
    for wavelength in WAVELENGTHS:
        axis = fft.fftfreq(_PADDED // _step(wavelength), d=_step(wavelength))
        rows, columns = np.meshgrid(axis, axis, indexing="ij")
        centre = 1 / wavelength
        along, across = 0.28 * centre, 0.2 * centre
        for i in range(ORIENTATIONS):
            angle = np.pi * i / ORIENTATIONS
            u = columns * np.cos(angle) + rows * np.sin(angle)
            v = -columns * np.sin(angle) + rows * np.cos(angle)
            gain = 2 * np.exp(-0.5 * (((u - centre) / along) ** 2 + (v / across) ** 2))
            made.append((wavelength, gain.astype(np.float32)))
    return tuple(made)
