"""One recording is found again as another file, and others are left alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gyral.canaries.lag import surface_of
from gyral.datasets.near import near_pairs, prints_of, text_prints
from gyral.datasets.overlap import search_folder
from gyral.datasets.sound import Sound, resampled
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
from made_sounds import RATE, noise, write_sound

COUNT = 12


def _made(i: int) -> np.ndarray:
    """Two bands of noise, modulated and fading in ways of their own."""
    draw = np.random.default_rng([3, i])
    low = np.exp(draw.uniform(np.log(100), np.log(3_000), 2))
    seconds = draw.uniform(0.5, 1.0)
    parts = [
        noise(f, 2 * f, seconds, modulated=draw.choice([0, 2, 4, 8]), seed=10 * i + k) for k, f in enumerate(low)
    ]
    return 0.05 * sum(parts) * np.exp(-np.linspace(0, draw.uniform(0, 4), len(parts[0])))


_CHANGES: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "ogg": lambda f, x: write_sound(f.with_suffix(".ogg"), x),
    "quieter": lambda f, x: write_sound(f.with_suffix(".wav"), 0.2 * x),
    "16 kHz": lambda f, x: write_sound(f.with_suffix(".flac"), resampled(Sound(x, RATE), 16_000), 16_000),
}


def _sounds(folder: Path, change: Callable[[Path, np.ndarray], Path]) -> StimulusSet:
    return StimulusSet.from_files([change(folder / f"{i}", _made(i)) for i in range(COUNT)], modality="sound")


@pytest.mark.parametrize("change", _CHANGES)
def test_a_sound_is_found_again_in_another_encoding_loudness_and_rate(change: str, tmp_path: Path) -> None:
    first = prints_of(_sounds(tmp_path / "a", lambda f, x: write_sound(f.with_suffix(".wav"), x)))
    pairs = near_pairs(first, prints_of(_sounds(tmp_path / "b", _CHANGES[change])))
    assert [(p.first, p.second) for p in pairs] == [(i, i) for i in range(COUNT)]
    assert not any(p.exact for p in pairs)
    assert near_pairs(first) == []


def test_half_of_a_steady_sound_is_another_sound(tmp_path: Path) -> None:
    whole = 0.1 * noise(300, 900)
    files = [write_sound(tmp_path / "a.wav", whole), write_sound(tmp_path / "b.wav", whole[: RATE // 2])]
    assert near_pairs(prints_of(StimulusSet.from_files(files, modality="sound"))) == []


def test_sounds_are_looked_for_in_a_folder_of_training_data(tmp_path: Path) -> None:
    stimuli = _sounds(tmp_path / "own", _CHANGES["ogg"])
    write_sound(tmp_path / "training" / "x" / "found.flac", _made(4))
    (tmp_path / "training" / "bad.wav").write_bytes(b"none")
    (tmp_path / "training" / "notes.txt").write_text("none")
    found = search_folder(stimuli, tmp_path / "training")
    assert [(h.stimulus, h.file, h.exact) for h in found.hits] == [("4", "x/found.flac", False)]
    assert (found.compared, found.files, found.passed_over) == (COUNT, 1, {".txt": 1, "unreadable": 1})


def test_surface_of_sounds_is_their_duration_and_levels(tmp_path: Path) -> None:
    surface = surface_of(_sounds(tmp_path, _CHANGES["ogg"]))
    assert surface is not None and surface.shape == (COUNT, 1 + 8 * 4)
    np.testing.assert_allclose(surface[:, 0], [len(_made(i)) / RATE for i in range(COUNT)], rtol=1e-3)


def test_sounds_are_not_compared_with_texts(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="another"):
        near_pairs(prints_of(_sounds(tmp_path, _CHANGES["ogg"])), text_prints(["a"]))
