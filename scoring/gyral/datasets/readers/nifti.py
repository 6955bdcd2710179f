"""NIfTI time series: voxels of a mask, cleaned per run, averaged over blocks."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset

Floats = NDArray[np.float64]


class Block(NamedTuple):
    """Consecutive volumes of one label inside one run."""

    label: str
    run: int
    first: int  # volume within the run


def load_image(path: Path) -> Any:
    """A NIfTI image (lazily read).

    Raises
    ------
    BadDataset
        Not NIfTI.
    """
    import nibabel  # slow import, only for this format

    try:
        return nibabel.load(path)
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError) as error:
        raise BadDataset(f"not a NIfTI image: {error}.", where=str(path)) from None


def masked_series(bold: Any, mask: NDArray[np.bool_]) -> Floats:
    """Time series of the voxels in ``mask``, volumes x voxels, through nilearn's masker (C order of voxels)."""
    from nilearn.image import new_img_like  # slow import, only for this format
    from nilearn.maskers import NiftiMasker

    chosen = new_img_like(bold, mask.astype(np.int8), copy_header=False)
    masker = NiftiMasker(mask_img=chosen, standardize=None, dtype=np.float64)
    return np.asarray(masker.fit().transform(bold), np.float64)


def clean_runs(series: Floats, runs: NDArray[np.int64]) -> Floats:
    """Linear trend out and variance to one, run by run; a voxel that is constant in a run is 0 there."""
    cleaned = np.empty_like(series)
    for run in np.unique(runs):
        part = series[runs == run]
        time = np.linspace(-1.0, 1.0, len(part))[:, None]
        centred = part - part.mean(axis=0)
        rest = centred - time * (time * centred).sum(axis=0) / (time**2).sum()
        spread = rest.std(axis=0)
        flat = spread <= 1e-9 * np.abs(part).max(axis=0)
        cleaned[runs == run] = np.where(flat, 0.0, rest / np.where(flat, 1.0, spread))
    return cleaned


def find_blocks(labels: NDArray[np.str_], runs: NDArray[np.int64], *, rest: str) -> list[Block]:
    """Blocks in order: stretches of one label inside one run, ``rest`` left out."""
    blocks = []
    for run in np.unique(runs):
        within = labels[runs == run]
        starts = np.flatnonzero(np.r_[True, within[1:] != within[:-1]])
        blocks += [Block(str(within[s]), int(run), int(s)) for s in starts if within[s] != rest]
    return blocks


def block_means(
    series: Floats,
    runs: NDArray[np.int64],
    blocks: list[Block],
    *,
    tr: float,
    window: tuple[float, float],
) -> Floats:
    """Mean over the volumes that start within ``window`` seconds of each block's first one, blocks x voxels."""
    means = []
    for block in blocks:
        part = series[runs == block.run]
        seconds = (np.arange(len(part)) - block.first) * tr
        means.append(part[(seconds >= window[0]) & (seconds < window[1])].mean(axis=0))
    return np.stack(means)
