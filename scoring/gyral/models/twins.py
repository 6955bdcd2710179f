"""Twins: a model's own architecture with weights that were never trained.

``NAME:untrained`` stands for five models, drawn with the seeds 0 to 4; ``NAME:permuted`` is the second,
named control: the trained numbers, permuted within each tensor (it flatters training less fairly than a
re-draw: the spread of the weights is kept, their places are not). How each kind is drawn:

========================  ==========================================================================
transformers folders      the architecture's own initialiser; batch-normalisation statistics, which a
                          network in training would take from its batch, from 64 made images
ONNX graphs               `gyral.models.onnx_twin`: He-normal weights, zero biases; without a
                          normalisation layer outputs standardised per channel on 64 made stimuli
word vectors              random directions with the norms of the trained vectors
floors, features          none
========================  ==========================================================================
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Twin = Literal["untrained", "permuted"]

SEEDS: dict[Twin, tuple[int, ...]] = {"untrained": (0, 1, 2, 3, 4), "permuted": (0,)}


def generator(seed: int, name: str) -> np.random.Generator:
    """The random generator of one tensor: independent of the order in which tensors are visited."""
    return np.random.default_rng([seed, *name.encode()])


def permuted(values: NDArray[np.float32], seed: int, name: str) -> NDArray[np.float32]:
    """The same numbers in other places."""
    return generator(seed, name).permutation(values.ravel()).reshape(values.shape)


def he_normal(shape: tuple[int, ...], fan_in: int, seed: int, name: str) -> NDArray[np.float32]:
    """Normal numbers of variance ``2 / fan_in`` (He et al. 2015, doi:10.1109/ICCV.2015.123)."""
    drawn = generator(seed, name).standard_normal(shape, np.float32)
    return drawn * np.float32(np.sqrt(2 / max(1, fan_in)))
