"""Ramp: colours of numbers and of names, told apart by people who tell few colours apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# Viridis at even steps (van der Walt and Smith 2015, CC0): lightness rises evenly, and neither end is the grey of cortex.
STEPS = (
    "#440154",
    "#482878",
    "#3e4989",
    "#31688e",
    "#26828e",
    "#1f9e89",
    "#35b779",
    "#6ece58",
    "#b5de2b",
    "#fde725",
)
# Okabe and Ito (2008) without black; beyond seven they come again, so that pictures write numbers, too.
NAMED = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def colour_numbers(values: Array, low: float, high: float) -> Array:
    """Colour of each value: values x 3, 0 to 255; NaN where a value is."""
    steps = np.array([rgb(c) for c in STEPS], np.float64)
    share = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0, 1)
    at = np.linspace(0, 1, len(STEPS))
    return np.stack([np.interp(share, at, steps[:, k], left=np.nan) for k in range(3)], axis=-1)


def colour_of_name(number: int) -> str:
    """Colour of the name with that number."""
    return NAMED[number % len(NAMED)]


def colour_names(numbers: Array) -> Array:
    """Colour of each name: numbers x 3, 0 to 255; NaN where a number is."""
    colours = np.array([rgb(c) for c in NAMED], np.float64)
    known = np.isfinite(numbers)
    out = np.full((len(numbers), 3), np.nan)
    out[known] = colours[numbers[known].astype(int) % len(NAMED)]
    return out
