"""Dissimilarity matrices of a source: read and checked together, so that a fault names its file and `check` finds it."""

from pathlib import Path

from gyral.datasets.readers.files import find_file
from gyral.datasets.readers.rdm import read_rdms
from gyral.datasets.responses import RegionRdms
from gyral.datasets.soundness import check_rdms
from gyral.datasets.source import Source


def read_source_rdms(source: Source, folder: Path, samples: int) -> dict[str, RegionRdms]:
    """The matrices of every region of ``[[rdms]]``, by its name.

    Parameters
    ----------
    source : Source
    folder : Path
    samples : int
        Rows of each matrix.

    Raises
    ------
    BadDataset, UnknownName
        What `read_rdms` and `check_rdms` refuse.
    """
    found = {}
    for told in source.rdms:
        path = find_file(folder, told.file)
        found[told.region] = read_rdms(told, path)
        check_rdms(told.region, found[told.region], samples, where=f"{path} (RDMs of region {told.region!r})")
    return found
