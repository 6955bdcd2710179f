"""Edges and colour: oriented Gabor energies at four scales and opponent colour, on a 7 x 7 grid."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]

SIZE = 112
GRID = 7
WAVELENGTHS = (4.0, 8.0, 16.0, 32.0)  # pixels of the 112 x 112 image
ORIENTATIONS = 8

# Opponent axes: luminance, red against green, blue against yellow.
_OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, -0.5, 0.0], [-0.25, -0.25, 0.5]])
CHANNELS = len(WAVELENGTHS) * ORIENTATIONS + len(_OPPONENT)


def energies(images: NDArray[np.floating]) -> Floats:  # type: ignore[type-arg]
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
    opponent = np.einsum("oc,nhwc->nohw", _OPPONENT, images)
    spectrum = fft.fft2(_padded(opponent[:, 0] - opponent[:, 0].mean(axis=(1, 2), keepdims=True)))
    inner = slice(SIZE // 2, SIZE // 2 + SIZE)
    maps = [np.abs(fft.ifft2(spectrum * gain))[:, inner, inner] for gain in _filters()]
    return _cells(np.concatenate([np.stack(maps, axis=1), opponent], axis=1))


def _padded(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mirror the borders: a filter would otherwise see the wrapped-around edge of the image."""
    half = SIZE // 2
    return np.pad(grey, ((0, 0), (half, half), (half, half)), mode="symmetric")


def _cells(maps: NDArray[np.float64]) -> Floats:
    side = SIZE // GRID
    count, channels = maps.shape[:2]
    return maps.reshape(count, channels, GRID, side, GRID, side).mean(axis=(3, 5)).astype(np.float32)


@cache
def _filters() -> tuple[NDArray[np.float64], ...]:
    """Gains in the Fourier plane: one-sided Gaussians, one octave wide, whose inverse is a complex Gabor."""
    rows, columns = np.meshgrid(fft.fftfreq(2 * SIZE), fft.fftfreq(2 * SIZE), indexing="ij")
    made = []
    for wavelength in WAVELENGTHS:
        centre = 1 / wavelength
        along, across = 0.28 * centre, 0.2 * centre
        for i in range(ORIENTATIONS):
            angle = np.pi * i / ORIENTATIONS
            u = columns * np.cos(angle) + rows * np.sin(angle)
            v = -columns * np.sin(angle) + rows * np.cos(angle)
            made.append(2 * np.exp(-0.5 * (((u - centre) / along) ** 2 + (v / across) ** 2)))
    return tuple(made)
