"""Sounds are read as they were saved, and what is none is refused with a reason."""

from pathlib import Path

import numpy as np
import pytest

from gyral.datasets.sound import LONGEST, Sound, read_sound, resampled
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
from made_sounds import RATE, noise, tone, write_sound


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg"])
def test_a_tone_keeps_its_length_pitch_and_level(ending: str, tmp_path: Path) -> None:
    found = read_sound(write_sound(tmp_path / f"a{ending}", tone(440, 0.5)))
    assert (found.rate, len(found.samples), found.samples.dtype) == (RATE, RATE // 2, np.float32)
    assert np.abs(np.fft.rfft(found.samples)).argmax() == 220  # of bins of 2 Hz
    assert found.samples.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(440, 0.1), tone(660, 0.1)
    found = read_sound(write_sound(tmp_path / "a.wav", np.stack([left, right], axis=1), subtype="FLOAT"))
    np.testing.assert_allclose(found.samples, (left + right) / 2, atol=1e-6)


def test_resampling_keeps_what_fits_and_lets_nothing_else_in() -> None:
    low, high = (resampled(Sound(tone(f, 0.5, 44_100), 44_100), 8_000) for f in (440, 6_000))
    assert len(low) == 4_000 and np.abs(np.fft.rfft(low)).argmax() == 220
    assert low[100:-100].std() == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert high[100:-100].std() < 1e-3, "6 kHz would be heard at 2 kHz"


def _cut(share: float, ending: str, folder: Path) -> Path:
    file = write_sound(folder / f"whole{ending}", 0.1 * noise(100, 4_000))
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    return file


_BAD = {
    "text": (lambda f: _written(f / "a.wav", b"no sound"), "not-a-sound", "not a sound that can be read"),
    "mp3": (lambda f: write_sound(f / "a.mp3", tone(440)), "not-a-sound", "MP3 are not read"),
    "raw": (lambda f: _written(f / "a.raw", bytes(99)), "not-a-sound", "sample"),
    "no byte": (lambda f: _written(f / "a.wav", b""), "sound-empty", "the file is empty"),
    "no sample": (lambda f: write_sound(f / "a.wav", np.zeros(0)), "sound-empty", "not one sample"),
    "cut wav": (lambda f: _cut(0.99, ".wav", f), "sound-truncated", "cut short"),
    "cut flac": (lambda f: _cut(0.5, ".flac", f), "sound-truncated", "cut short"),
    "cut ogg": (lambda f: _cut(0.9, ".ogg", f), "sound-truncated", "cut short"),
    "nan": (
        lambda f: write_sound(f / "a.wav", np.where(np.arange(999) == 7, np.nan, 0.1), subtype="FLOAT"),
        "sound-finite",
        "NaN",
    ),
    "slow": (lambda f: write_sound(f / "a.wav", tone(4, 1, 100), 100), "sound-rate", "100 Hz"),
    "silent": (lambda f: write_sound(f / "a.wav", np.zeros(999)), "sound-silent", "nothing to hear"),
    "out of phase": (
        lambda f: write_sound(f / "a.wav", np.stack([tone(440), -tone(440)], axis=1), subtype="FLOAT"),
        "sound-silent",
        "channels averaged",
    ),
    "long": (
        lambda f: write_sound(f / "a.wav", np.ones(int(1_000 * LONGEST) + 1), 1_000),
        "sound-long",
        "at most 60",
    ),
    "short": (lambda f: write_sound(f / "a.wav", tone(440, 0.005)), "sound-short", "4.99 ms"),
    "loud": (
        lambda f: write_sound(f / "a.wav", 3e4 * tone(440), subtype="FLOAT"),
        "sound-scale",
        "full scale is 1",
    ),
    "nowhere": (lambda f: f / "a.wav", "stimulus-missing", "missing"),
}


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", _BAD)
def test_what_cannot_be_heard_is_refused(name: str, tmp_path: Path) -> None:
    make, code, said = _BAD[name]
    file = make(tmp_path)
    with pytest.raises(BadDataset, match=said) as fault:
        read_sound(file)
    assert (fault.value.code, fault.value.where) == (code, str(file))


def test_sounds_have_no_place_on_a_screen(tmp_path: Path) -> None:
    file = write_sound(tmp_path / "a.wav", tone(440))
    with pytest.raises(BadDataset, match="sound stimuli have no width in degrees"):
        StimulusSet.from_files([file], modality="sound", degrees=8.0)
