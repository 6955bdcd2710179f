"""The simulated cortex: made stimuli, made units, known truth. Everything here is simulated.

``make`` builds a whole dataset from a seed in a few seconds; ``planted`` gives the noiseless responses behind it,
for tests and for teaching. The same seed gives the same content on every machine: random streams are numpy's
PCG64, sums do not go through BLAS, responses are rounded, and PNG files are written byte for byte.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets import simulated_eeg, simulated_language, simulated_meg, simulated_vision
from gyral.datasets.dataset import About, Dataset
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.simulated_cortex import SUBJECTS, Array, Population, measure
from gyral.datasets.simulated_images import draw, write_pictures
from gyral.datasets.simulated_sensors import Helmet, Level, record, subject_signal
from gyral.datasets.simulated_sentences import Sentence, tell
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.time_axis import TimeAxis
from gyral.errors import UnknownName

PICTURES = 320
DEGREES = 8.0  # width of a picture if it were shown, in degrees of visual angle: made up, like all the rest
SENTENCES = 400

_ABOUT = {
    "sim-vision": About(
        name="sim-vision",
        title="Simulated visual cortex",
        description=(
            f"Simulated. {PICTURES} made images (textures, gratings, one colourful object) and units with known "
            "truth: receptive fields, conjunctions, the form of the object, a global average, a dense mixture, and units that follow the "
            "object wherever it is. Three simulated subjects, up to four repeats, planted ceilings, placed on "
            "fsaverage5."
        ),
        version="0",
        licence="BSD-3-Clause (made by code)",
        citation="The Gyral authors (2026). Simulated visual cortex, shipped with Gyral.",
        species="simulated",
        display="public",
        simulated=True,
        ordered=False,
    ),
    "sim-language": About(
        name="sim-language",
        title="Simulated language cortex",
        description=(
            f"Simulated. {SENTENCES} made sentences in passages of five and units with known truth: static words, "
            "who did what to whom, the sentences before, and sentence length. Three simulated subjects, up to four "
            "repeats, planted ceilings, placed on fsaverage5."
        ),
        version="0",
        licence="BSD-3-Clause (made by code)",
        citation="The Gyral authors (2026). Simulated language cortex, shipped with Gyral.",
        species="simulated",
        display="public",
        simulated=True,
        ordered=True,
    ),
    "sim-meg": simulated_meg.ABOUT,
    "sim-eeg": simulated_eeg.ABOUT,
}


def make(name: str, folder: Path, *, seed: int = 0) -> Dataset:
    """Make a simulated dataset.

    Parameters
    ----------
    name : str
        "sim-vision", "sim-language", "sim-meg" or "sim-eeg".
    folder : Path
        Images are written below ``folder/stimuli``; sentences need no file.
    seed : int
        Another seed makes another cortex; the benchmarks use 0.

    Returns
    -------
    Dataset
        Its unit table says of each unit what was planted: ``truth``, ``planted_ceiling`` (r2 of the mean over
        repeats), ``planted_snr`` (variance of signal over noise of one repeat), and ``rf_x``, ``rf_y``,
        ``rf_size`` where it has a receptive field. Of sensors at time points, ``truth`` is the level that moves the unit most.

    Raises
    ------
    UnknownName
        No such simulated dataset.
    """
    if name in _SENSORS:
        stimuli, levels, helmet, axis = _SENSORS[name](folder, seed)
        responses, units, regions = record(name, levels, helmet, axis, SUBJECTS, seed)
        return _dataset(name, stimuli, responses, units, regions, axis)
    stimuli, populations = _maker(name)(folder, seed)
    responses, units, regions = measure(name, populations, seed)
    return _dataset(name, stimuli, responses, units, regions)


def _dataset(
    name: str,
    stimuli: StimulusSet,
    responses: Responses,
    units: pd.DataFrame,
    regions: tuple[Region, ...],
    axis: TimeAxis | None = None,
) -> Dataset:
    return Dataset(
        about=_ABOUT[name],
        stimuli=stimuli,
        responses=responses,
        rdms={},
        units=units,
        regions=regions,
        split_kind="contiguous" if stimuli.groups is None else "grouped",
        split_folds=5,
        time=axis,
    )


def planted(name: str, *, seed: int = 0) -> Array:
    """Noiseless responses behind ``make``, samples x units in the order of the unit table.

    Mean 0 and variance 1 per unit; silent units have what they would carry if they did. Sensors at time points are in
    units of the noise's standard deviation.
    """
    if name in _SENSORS:
        stimuli, levels, helmet, axis = _SENSORS[name](None, seed)
        signals = [subject_signal(name, levels, helmet, axis, s, seed)[0] for s in SUBJECTS]
        return np.concatenate([s.reshape(len(stimuli), -1) for s in signals], axis=1)
    _, populations = _maker(name)(None, seed)
    return np.concatenate([part.signal for parts in populations.values() for part in parts], axis=1)


_Made = tuple[StimulusSet, dict[str, list[Population]]]


def _maker(name: str) -> Callable[[Path | None, int], _Made]:
    makers = {"sim-vision": _vision, "sim-language": _language}
    if name not in makers:
        raise UnknownName("simulated dataset", name, (*makers, *_SENSORS))
    return makers[name]


_Sensed = tuple[StimulusSet, list[Level], Helmet, TimeAxis]


def _vision(folder: Path | None, seed: int) -> _Made:
    stimuli, features, forms = _pictures(folder, seed)
    return stimuli, {s: simulated_vision.populate(features, forms, s, seed) for s in SUBJECTS}


def _language(folder: Path | None, seed: int) -> _Made:
    stimuli, sentences = _sentences(seed)
    return stimuli, {s: simulated_language.populate(sentences, s, seed) for s in SUBJECTS}


def _meg(folder: Path | None, seed: int) -> _Sensed:
    stimuli, features, forms = _pictures(folder, seed)
    return stimuli, simulated_meg.levels(features, forms), simulated_meg.helmet(), simulated_meg.AXIS


def _eeg(folder: Path | None, seed: int) -> _Sensed:
    stimuli, sentences = _sentences(seed)
    return stimuli, simulated_eeg.levels(sentences), simulated_eeg.helmet(), simulated_eeg.AXIS


_SENSORS: dict[str, Callable[[Path | None, int], _Sensed]] = {"sim-meg": _meg, "sim-eeg": _eeg}


def _pictures(folder: Path | None, seed: int) -> tuple[StimulusSet, Array, Array]:
    """The images, their planted map and the form of their objects."""
    pictures = [draw(i, seed) for i in range(PICTURES)]
    images = np.stack([p.pixels for p in pictures])
    features, forms = simulated_vision.feature_map(images), simulated_vision.form(images)
    columns = {
        f"object_{fact}": np.array([getattr(p, fact) for p in pictures])
        for fact in ("shape", "texture", "hue", "x", "y", "size")
    }
    ids = tuple(f"sim-{i + 1:04d}" for i in range(PICTURES))
    if folder is None:
        return StimulusSet("image", ids, ids, degrees=DEGREES), features, forms
    files = write_pictures(pictures, folder / "stimuli")
    return StimulusSet.from_files(files, ids, columns=columns, degrees=DEGREES), features, forms


def _sentences(seed: int) -> tuple[StimulusSet, list[Sentence]]:
    sentences = tell(SENTENCES, seed)
    columns = {
        "agent": np.array([s.agent.word for s in sentences]),
        "verb": np.array([s.verb.base for s in sentences]),
        "patient": np.array([s.patient.word for s in sentences]),
        "polarity": np.array([s.polarity for s in sentences]),
        "passive": np.array([s.passive for s in sentences]),
    }
    stimuli = StimulusSet.from_texts(
        [s.text for s in sentences],
        [f"sim-{i + 1:04d}" for i in range(SENTENCES)],
        groups=[f"passage-{s.passage + 1:02d}" for s in sentences],
        columns=columns,
    )
    return stimuli, sentences
