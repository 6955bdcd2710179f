"""Bands: what a score must beat, as named feature spaces computed from the stimuli alone.

==================  ==================================================================================
images, 7 x 7 grid  ``luminance``; ``contrast`` (root mean square); ``spatial-frequency`` (Gabor amplitude
                    at four wavelengths, mean over orientations); ``edges`` (the same at eight
                    orientations); ``colour`` (red against green, blue against yellow)
sentences           ``length`` (characters, words, letters a word); ``frequency`` (log rank of words: mean,
                    least, greatest); ``position`` in a story or passage, where there are such groups;
                    ``static-vectors`` (GloVe, 50 dimensions), fetched on first use
sounds              ``duration``; ``envelope`` (level over time: mean, spread, each quarter); ``rate`` (how strongly
                    the envelope fluctuates in five octaves, 1 to 32 Hz); ``spectrum`` (centroid and width)
==================  ==================================================================================

Features are those of the floors (`gyral.models.floors`, `gyral.models.gabor`; of sounds `gyral.controls.heard`), cached as any model's. A band whose files
cannot be had is named with the reason: scores with and without it are not compared unnoticed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.controls.heard import SOUND_BANDS, heard
from gyral.datasets.sound import read_sound
from gyral.datasets.spectrogram import RATE
from gyral.datasets.split import Split
from gyral.datasets.stimulus import Modality, StimulusSet
from gyral.errors import Unavailable
from gyral.features.extract import extract
from gyral.features.features import Features
from gyral.hashing import hash_array, hash_json
from gyral.models import gabor
from gyral.models.activation import require_finite, spans
from gyral.models.card import SHOWN, ImageInput, ModelCard, SoundInput
from gyral.models.catalogue import open_model
from gyral.models.floors import word_frequency, word_length
from gyral.models.image import load_images
from gyral.models.model import Batch, Reduction
from gyral.progress import Progress, silent
from gyral.provenance import code_hash

Floats = NDArray[np.float32]
Array = NDArray[np.floating[Any]]

STATIC = "glove-50"
IMAGE_BANDS = ("luminance", "contrast", "spatial-frequency", "edges", "colour")
TEXT_BANDS = ("length", "frequency")
# Ahead of a band's name, so that no layer of a model has the same.
PREFIX = "nuisance:"
# Places from the start of a story or passage that are told apart one by one, and after which a ramp is flat.
_PLACES, _RAMP = 5, 30
# Training deviations beyond which a held-out stimulus is no longer of the same kind.
_FAR = 20.0


@dataclass(frozen=True, eq=False)
class Nuisances:
    """The bands of a stimulus set.

    Parameters
    ----------
    spaces : tuple of Features
        Flat columns; ``layer`` is the band's name behind `PREFIX`.
    hashes : dict of str to str
        By name of the band: what computed it.
    absent : dict of str to str
        By name of a band that belongs here and could not be computed: why.
    own : mapping of subject to tuple of Features
        Bands of each subject's own (motion), the same in all; empty where there are none.
    """

    spaces: tuple[Features, ...]
    hashes: dict[str, str]
    absent: dict[str, str] = field(default_factory=dict)
    own: Mapping[str, tuple[Features, ...]] = field(default_factory=dict)

    def of(self, subject: str) -> tuple[Features, ...]:
        """The bands that a subject's units are predicted from."""
        return (*self.spaces, *self.own.get(subject, ()))

    def steady(self, split: Split) -> "Nuisances":
        """The same with nothing in columns in which a fold holds out a stimulus `_FAR` training deviations from the training mean.

        Where small pictures stand on one grey field most cells are background, and what is left there is rounding or a
        picture's rim: divided by such a spread, one stimulus outweighs all others, and nothing can be learned of it.
        """
        spaces, hashes = [], dict(self.hashes)
        for space in self.spaces:
            columns = np.asarray(space.array, np.float64)
            far = np.zeros(columns.shape[1:], np.bool_)
            for fold in split.folds:
                spread = columns[fold.train].std(axis=0)
                apart = np.abs(columns[fold.test] - columns[fold.train].mean(axis=0)).max(axis=0)
                far |= (spread > 0) & (apart > _FAR * spread)
            if not far.any():
                spaces.append(space)
                continue
            name = space.layer.removeprefix(PREFIX)
            if far.all():
                hashes.pop(name)
            else:
                # Constant columns keep their place in a map, and no readout reads them.
                spaces.append(replace(space, array=np.where(far, np.float32(0), space.array)))
                hashes[name] = hash_json([hashes[name], "steady", split.content_hash])
        return replace(self, spaces=tuple(spaces), hashes=hashes)

    def beside_own(self, measured: Mapping[str, Mapping[str, Array]]) -> "Nuisances":
        """The same with bands that were measured in each subject (`gyral.datasets.responses.Responses.nuisances`)."""
        varying = {
            band: own for band, own in measured.items() if any(np.ptp(v, axis=0).any() for v in own.values())
        }
        if not varying:
            return self
        made = {
            b: hash_json([b, [[s, hash_array(np.asarray(v))] for s, v in own.items()]])
            for b, own in varying.items()
        }
        subjects = next(iter(varying.values()))
        own = {s: tuple(Features(PREFIX + b, np.asarray(varying[b][s])) for b in varying) for s in subjects}
        return replace(self, hashes={**self.hashes, **made}, own=own)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands."""
        return tuple(self.hashes)

    def as_layer(self) -> Features:
        """All bands as one layer, each scaled to a mean variance of 1: maps where all are images' (7 x 7), else flat."""
        flat = [np.asarray(space.flat(), np.float32) for space in self.spaces]
        scaled = [columns / np.sqrt(columns.var(axis=0).mean()) for columns in flat]
        if {space.layer.removeprefix(PREFIX) for space in self.spaces} <= set(IMAGE_BANDS):
            side = gabor.GRID
            scaled = [columns.reshape(len(columns), -1, side, side) for columns in scaled]
        return Features(PREFIX + "all", np.ascontiguousarray(np.concatenate(scaled, axis=1)))


def nuisances_of(stimuli: StimulusSet, *, progress: Progress = silent, folder: Path | None = None) -> Nuisances:
    """The nuisance bands of a stimulus set; a band that does not vary is left out.

    Parameters
    ----------
    stimuli : StimulusSet
    progress : Progress
    folder : Path, optional
        Where features are kept; default: the cache.
    """
    found: dict[str, tuple[NDArray[Any], str]] = {}
    absent: dict[str, str] = {}
    if stimuli.modality in SHOWN.values():
        simple = SimpleBands(stimuli.modality)
        layers = extract(simple, stimuli, simple.layers(), progress=progress, step="nuisances", folder=folder)
        found |= {name: (layer.array, simple.hash) for name, layer in layers.items()}
    if stimuli.modality == "text":
        if stimuli.groups is not None and max(Counter(stimuli.groups).values()) > 1:
            found["position"] = (position(stimuli.groups), hash_json(["position", code_hash("controls")]))
        try:
            (static,) = open_model(STATIC, progress=progress)
        except Unavailable as error:
            absent["static-vectors"] = str(error)
        else:
            (layer,) = extract(static, stimuli, static.layers(), progress=progress, folder=folder).values()
            found["static-vectors"] = (layer.array, static.hash)
    varying = {name: pair for name, pair in found.items() if np.ptp(pair[0], axis=0).any()}
    spaces = tuple(Features(PREFIX + name, array) for name, (array, _) in varying.items())
    return Nuisances(spaces, {name: code for name, (_, code) in varying.items()}, absent)


class SimpleBands:
    """Bands that need nothing but the stimulus itself, one a layer, behind the `Model` protocol.

    Parameters
    ----------
    modality : {"image", "text", "sound"}
    """

    def __init__(self, modality: Modality) -> None:
        image = ImageInput(size=gabor.SIZE, crop=1.0, mean=(0, 0, 0), std=(1, 1, 1), layout="NHWC")
        sense = next(sense for sense, shown in SHOWN.items() if shown == modality)
        whole = SoundInput(rate=RATE, seconds=None)
        self.card = ModelCard(name="nuisances", modality=sense, image=image, sound=whole)

    @property
    def hash(self) -> str:
        """See `gyral.models.model.Model.hash`."""
        return hash_json(["nuisances", self.card.modality, code_hash("controls")])

    def layers(self) -> tuple[str, ...]:
        """Names of the bands."""
        return {"vision": IMAGE_BANDS, "language": TEXT_BANDS, "audio": SOUND_BANDS}[self.card.modality]

    def batches(
        self, stimuli: StimulusSet, layers: Sequence[str], *, reduction: Reduction, memory: int = 1 << 30
    ) -> Iterator[Batch]:
        """See `gyral.models.model.Model.batches`; bands are flat, whatever the reduction."""
        describe = {"vision": self._images, "language": self._texts, "audio": self._sounds}[self.card.modality]
        for start, stop in spans(len(stimuli), 1 if self.card.modality == "language" else 64 << 20, memory):
            values = describe(stimuli.subset(range(start, stop)))
            for name in layers:
                require_finite(name, values[name], stimuli, start)
            yield Batch(start, {name: values[name] for name in layers})

    def _images(self, stimuli: StimulusSet) -> dict[str, Floats]:
        images = load_images(stimuli.files or (), self.card.image)
        maps, (scales, turns) = gabor.energies(images), (len(gabor.WAVELENGTHS), gabor.ORIENTATIONS)
        edges = maps[:, : scales * turns]
        found = {
            "luminance": maps[:, [scales * turns]],
            "contrast": gabor.contrast(images),
            "spatial-frequency": edges.reshape(len(maps), scales, turns, -1).mean(axis=2),
            "edges": edges,
            "colour": maps[:, scales * turns + 1 :],
        }
        return {name: np.ascontiguousarray(v.reshape(len(v), -1)) for name, v in found.items()}

    def _texts(self, stimuli: StimulusSet) -> dict[str, Floats]:
        return {
            "length": word_length(stimuli, self.card),
            "frequency": word_frequency(stimuli, self.card),
        }

    def _sounds(self, stimuli: StimulusSet) -> dict[str, Floats]:
        found = [heard(read_sound(file)) for file in stimuli.files or ()]
        return {name: np.stack([one[name] for one in found]) for name in SOUND_BANDS}


def position(groups: Sequence[str]) -> Floats:
    """Where in its group an item stands: each of the first five places, a ramp to the thirtieth, its share of the group.

    Examples
    --------
    >>> position(["a", "a", "b"])[:, -1].tolist()
    [0.0, 1.0, 0.0]
    """
    sizes, seen = Counter(groups), Counter[str]()
    made = np.zeros((len(groups), _PLACES + 2), np.float32)
    for row, group in zip(made, groups, strict=True):
        place = seen[group]
        seen[group] += 1
        if place < _PLACES:
            row[place] = 1.0
        row[-2] = min(place, _RAMP)
        row[-1] = place / max(1, sizes[group] - 1)
    return made
