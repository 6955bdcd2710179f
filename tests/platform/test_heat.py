"""The heat ramp: one hue, even steps in lightness, ordered for every kind of colour vision and in grey, text legible."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from colour_vision import VISION
from gyral_portal.style import TEXT as STYLE

Colour = NDArray[np.float64]


def _scheme(dark: bool) -> dict[str, str]:
    light, rest = STYLE.split("@media (prefers-color-scheme: dark)", 1)
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", rest.split("\n}\n", 1)[0] if dark else light))


def _linear(colour: str) -> Colour:
    rgb = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _luminance(linear: Colour) -> float:
    return float(np.clip(linear, 0, 1) @ [0.2126, 0.7152, 0.0722])


def _lightness(linear: Colour) -> float:
    """CIELAB L*."""
    y = _luminance(linear)
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


def _contrast(one: Colour, other: Colour) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("vision", VISION)
def test_ramp_is_ordered_in_even_steps_of_lightness(dark: bool, vision: str) -> None:
    scheme = _scheme(dark)
    steps = [_lightness(VISION[vision] @ _linear(scheme[f"h{n}"])) for n in range(1, 7)]
    change = np.diff(steps) * (1 if dark else -1)
    assert (change > 1.5).all(), f"each step is seen: {steps}"
    assert change.max() < 2 * change.min(), f"and none is twice another: {steps}"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("step", range(1, 7))
def test_text_is_legible_on_every_step(dark: bool, step: int) -> None:
    scheme = _scheme(dark)
    assert _contrast(_linear(scheme["heat-ink"]), _linear(scheme[f"h{step}"])) >= 4.5
