"""Nuisance bands of sounds: what each knows, and what it does not."""

from pathlib import Path

import numpy as np
import pytest

from gyral.controls.bands import SimpleBands, nuisances_of
from gyral.controls.heard import SOUND_BANDS, heard
from gyral.datasets.sound import Sound
from gyral.datasets.spectrogram import erb_number
from gyral.datasets.stimulus import StimulusSet
from gyral.models.model import Reduction
from made_sounds import RATE, noise, sounds, tone, write_sound


def _heard(samples: np.ndarray) -> dict[str, np.ndarray]:
    return heard(Sound(samples.astype(np.float32), RATE))


def test_duration_is_all_that_a_longer_tone_changes() -> None:
    short, long = _heard(tone(1_000, 1.0)), _heard(tone(1_000, 2.0))
    assert long["duration"] - short["duration"] == pytest.approx(np.log10(2))
    np.testing.assert_allclose(short["envelope"][:5], long["envelope"][:5], atol=0.5)
    np.testing.assert_allclose(short["spectrum"], long["spectrum"], atol=0.1)


def test_envelope_is_the_level_of_the_whole_and_of_each_quarter() -> None:
    rising = np.concatenate([tone(1_000, 0.5, level=level) for level in (0.05, 0.1, 0.2, 0.4)])
    level = _heard(rising)["envelope"]
    np.testing.assert_allclose(np.diff(level[1:5]), 6.02, atol=0.4)
    assert level[0] == pytest.approx(10 * np.log10((0.05**2 + 0.1**2 + 0.2**2 + 0.4**2) / 8), abs=0.2)
    assert level[5] > 3 * _heard(tone(1_000, 2.0))["envelope"][5]


def test_rate_follows_modulation_and_spectrum_the_frequency() -> None:
    slow, fast = (_heard(0.1 * noise(500, 4_000, 2.0, modulated=rate)) for rate in (3.0, 12.0))
    assert (slow["rate"].argmax(), fast["rate"].argmax()) == (1, 3)
    low, high = _heard(tone(500)), _heard(tone(4_000))
    np.testing.assert_allclose(
        [low["spectrum"][0], high["spectrum"][0]], erb_number(np.array([500, 4_000])), atol=0.4
    )
    wide = _heard(0.1 * noise(100, 7_000))
    assert wide["spectrum"][1] > 4 * high["spectrum"][1]


def test_bands_of_files_are_those_of_their_sounds_and_what_does_not_vary_is_left_out(tmp_path: Path) -> None:
    stimuli = sounds(tmp_path / "five", 5)
    found = nuisances_of(stimuli)
    assert found.names == SOUND_BANDS
    assert found.as_layer().array.shape == (5, 1 + 6 + 5 + 2)
    (batch,) = SimpleBands("sound").batches(stimuli, ("duration",), reduction=Reduction())
    np.testing.assert_allclose(10 ** batch.arrays["duration"][:, 0], [0.5, 0.75, 1.0, 0.5, 0.75], rtol=1e-3)
    files = [write_sound(tmp_path / f"{i}.wav", 0.1 * noise(300, 900, seed=i)) for i in range(3)]
    assert "duration" not in nuisances_of(StimulusSet.from_files(files, modality="sound")).names
