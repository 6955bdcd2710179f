"""MATLAB files of dissimilarity matrices."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset


def read_matlab(path: Path) -> dict[str, Any]:
    """Variables of a ``.mat`` file (version 7 or older), structs as records with squeezed fields.

    Raises
    ------
    BadDataset
        Not such a file.
    """
    from scipy.io import loadmat  # slow import, only for this format
    from scipy.io.matlab import MatReadError

    try:
        variables: dict[str, Any] = loadmat(path, squeeze_me=True, struct_as_record=False)
    except (MatReadError, ValueError, NotImplementedError, TypeError, OSError) as error:
        raise BadDataset(f"not a MATLAB file that can be read: {error}.", where=str(path)) from None
    return variables


def square(rdm: NDArray[Any]) -> NDArray[np.float32]:
    """A dissimilarity matrix, samples x samples, from a square one or the vector of its upper triangle.

    Raises
    ------
    ValueError
        Neither.
    """
    from scipy.spatial.distance import squareform  # slow import, only for this format

    values = np.asarray(rdm, np.float64)
    full = values if values.ndim == 2 else squareform(values, checks=False)
    if full.ndim != 2 or full.shape[0] != full.shape[1]:
        raise ValueError(f"a dissimilarity matrix has shape {values.shape!r}")
    return np.asarray(full, np.float32)
