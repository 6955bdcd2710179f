"""Sounds made when a test needs them, and a laboratory's folder of units that answer to bands of frequency."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from gyral.datasets.stimulus import StimulusSet
from gyral.models.card import ModelCard, SoundInput
from source_folder import write_csv

RATE = 22_050
EDGES = ((150.0, 500.0), (500.0, 1_500.0), (1_500.0, 5_000.0))  # bands that units answer to, Hz

Floats = NDArray[np.float32]


def tone(frequency: float, seconds: float = 1.0, rate: int = RATE, level: float = 0.5) -> Floats:
    """A sine."""
    return (level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def noise(low: float, high: float, seconds: float = 1.0, *, modulated: float = 0.0, seed: int = 0) -> Floats:
    """A band of noise of unit variance, its amplitude modulated at so many Hz (0: not at all)."""
    count = round(seconds * RATE)
    white = np.random.default_rng([7, seed]).standard_normal(count)
    band = sosfilt(butter(4, (low, high), "bandpass", fs=RATE, output="sos"), white)
    wave = 1 + 0.9 * np.sin(2 * np.pi * modulated * np.arange(count) / RATE) if modulated else 1.0
    return np.asarray(wave * band / band.std(), np.float32)


def write_sound(path: Path, samples: NDArray[Any], rate: int = RATE, **options: Any) -> Path:
    """A sound file; its ending says the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def sounds(folder: Path, count: int = 5) -> StimulusSet:
    """Bands of noise of several durations, rates and formats, one of them in stereo."""
    endings, files = (".wav", ".flac", ".ogg"), []
    for i in range(count):
        samples = 0.1 * noise(200 * (i + 1), 400 * (i + 1), 0.5 + 0.25 * (i % 3), modulated=2.0 * (i % 4), seed=i)
        shaped = np.stack([samples, 0.5 * samples], axis=1) if i == 1 else samples
        files.append(write_sound(folder / f"sound-{i}{endings[i % 3]}", shaped))
    return StimulusSet.from_files(files, modality="sound")


def audio_card(**changes: Any) -> ModelCard:
    """A card for nets that hear 0.5 seconds at 8 kHz."""
    sound = SoundInput(**{"rate": 8_000, "seconds": 0.5, **changes.pop("sound", {})})
    return ModelCard(name="made", modality="audio", sound=sound, **changes)


def sound_folder(folder: Path, count: int = 48) -> dict[str, Any]:
    """Sounds of three bands at random levels and durations, and responses of two subjects, each sound heard twice.

    Units follow the level of one band each, in decibels, and noise; durations say nothing. The tables of a description.
    """
    draw = np.random.default_rng(11)
    levels = draw.uniform(-40, -10, (count, len(EDGES)))
    seconds = draw.uniform(0.6, 1.2, count)
    names = [f"clip{i:02d}" for i in range(count)]
    for i, name in enumerate(names):
        bands = [
            10 ** (level / 20) * noise(*edges, seconds[i], modulated=draw.uniform(1, 8), seed=3 * i + b)
            for b, (level, edges) in enumerate(zip(levels[i], EDGES, strict=True))
        ]
        write_sound(folder / "clips" / f"{name}.wav", np.clip(np.sum(bands, axis=0), -1, 1))
    write_csv(
        folder / "stimuli.csv",
        id=names,
        clip=[f"{n}.wav" for n in names],
        kind=[f"k{i % 3}" for i in range(count)],
    )
    for subject in ("s1", "s2"):
        rows = []
        for _ in range(2):
            signal = np.repeat((levels - levels.mean(axis=0)) / levels.std(axis=0), 4, axis=1)
            rows.append(signal + 0.5 * draw.standard_normal(signal.shape))
        np.save(folder / f"{subject}.npy", np.concatenate(rows).astype(np.float32))
    write_csv(folder / "trials.csv", stimulus=names * 2)
    return {
        "stimuli": {
            "modality": "sound",
            "table": "stimuli.csv",
            "file": "clip",
            "folder": "clips",
            "columns": ["kind"],
        },
        "responses": {
            "reader": "array",
            "kind": "fMRI",
            "unit": "z",
            "subjects": ["s1", "s2"],
            "files": "{subject}.npy",
            "trials": "trials.csv",
        },
        "regions": [{"name": "auditory", "all": True}],
        "split": {"kind": "contiguous", "folds": 4},
    }


SOUND_BENCHMARK = {
    "name": "own-sounds",
    "version": 0,
    "title": "Own sounds",
    "modality": "audio",
    "dataset": "own",
    "task": "encoding",
    "metric": "pearson",
    "readout": "ridge",
    "ceiling": "split-half",
    "main_region": "auditory",
}


def ids_of(folder: Path) -> list[str]:
    """Ids in the table."""
    return [str(i) for i in pd.read_csv(folder / "stimuli.csv")["id"]]
