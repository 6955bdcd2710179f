"""A model without weights: the brightness of the tiles of an image."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from gyral.datasets.stimulus import StimulusSet
from gyral.hashing import hash_json
from gyral.models.card import ImageInput, ModelCard
from gyral.models.model import Batch, Reduction
from gyral.models.reference import Reference

SIDES = {"coarse": 2, "fine": 6}
CARD = ModelCard(
    name="tiles",
    title="Brightness of tiles",
    modality="vision",
    description="Mean brightness of 2 x 2 and of 6 x 6 tiles.",
    family="floor",
    parameters=0,
    training_data="none",
    training_datasets=("none",),
    licence="BSD-3-Clause",
    image=ImageInput(),
)


class Tiles:
    """See `gyral.models.model.Model`."""

    card = CARD

    @property
    def hash(self) -> str:
        """Changes with what decides the features."""
        return hash_json(["tiles", 1, SIDES])

    def layers(self) -> tuple[str, ...]:
        """From coarse to fine."""
        return tuple(SIDES)

    def batches(
        self, stimuli: StimulusSet, layers: Sequence[str], *, reduction: Reduction, memory: int = 1 << 30
    ) -> Iterator[Batch]:
        """Sixteen images at a time."""
        files = stimuli.files or ()
        for start in range(0, len(files), 16):
            images = [Image.open(file).convert("L") for file in files[start : start + 16]]
            yield Batch(start, {name: np.stack([_shrunk(i, SIDES[name]) for i in images]) for name in layers})


def _shrunk(image: Image.Image, side: int) -> np.ndarray:
    small = image.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small, np.float32).ravel() / 255


TILES = Reference(CARD, "brightness of tiles, coarse and fine", "code", opener=lambda device: Tiles())
