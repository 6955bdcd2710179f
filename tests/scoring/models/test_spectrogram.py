"""The spectrogram hears pitch, level, time and modulation, and no more."""

import numpy as np
import pytest

from gyral.datasets.sound import Sound
from gyral.datasets.spectrogram import BANDS, centres, erb_number, powers
from gyral.models.spectrogram import PARTS, RATES, WIDTH, described, modulation
from made_sounds import RATE, noise, tone


@pytest.mark.parametrize("frequency", [200.0, 1_000.0, 5_000.0])
def test_a_tone_is_heard_in_the_band_of_its_frequency(frequency: float) -> None:
    found = powers(Sound(tone(frequency), RATE))
    assert found.shape == (BANDS, 100)
    nearest = int(np.abs(erb_number(centres()) - erb_number(np.array(frequency))).argmin())
    assert abs(int(found.mean(axis=1).argmax()) - nearest) <= 1
    assert found[:, 5:-5].sum(axis=0).mean() == pytest.approx(0.125, rel=0.03), "the mean square of the tone"


def test_power_is_that_of_the_noise_within_the_range() -> None:
    white = Sound(0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32), RATE)
    assert powers(white).sum(axis=0).mean() == pytest.approx(0.01 * 7_950 / (RATE / 2), rel=0.1)


def test_what_is_not_heard_by_the_ear_is_not_heard() -> None:
    assert powers(Sound(tone(10_500), RATE))[:, 5:-5].sum(axis=0).max() < 1e-4


@pytest.mark.parametrize("octave", range(len(RATES) - 1))
def test_modulation_is_found_in_its_octave_whatever_the_level(octave: int) -> None:
    rate = 1.5 * RATES[octave]
    loud, quiet = (
        modulation(powers(Sound(level * noise(500, 4_000, 2.0, modulated=rate), RATE)).sum(axis=0))
        for level in (0.1, 0.01)
    )
    assert loud.argmax() == octave
    np.testing.assert_allclose(loud, quiet, atol=0.02)


def test_levels_come_in_eight_parts_of_the_sound_however_long_it_is() -> None:
    for seconds in (0.5, 2.0):
        half = tone(1_000, seconds / 2)
        found = described(Sound(np.append(half, 0 * half), RATE))
        level = found[: BANDS * PARTS].reshape(BANDS, PARTS).max(axis=0)
        np.testing.assert_allclose(level[:4], -12, atol=2.5)
        np.testing.assert_allclose(level[5:], -80, atol=1)


@pytest.mark.parametrize("samples", [1, 100, 3_000])
def test_the_shortest_sounds_are_described(samples: int) -> None:
    found = described(Sound(np.linspace(-1, 1, samples, dtype=np.float32), RATE))
    assert found.shape == (WIDTH,) and np.isfinite(found).all()
