"""A reader of a laboratory's own format: a text file a subject, a line a trial: the stimulus, a colon, spike counts.

::

    [responses]
    reader = "counts"
    files = "{subject}.txt"

    [responses.options]
    least = 0.1          # leave out units with fewer spikes a trial; default 0
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets.readers.files import find_files
from gyral.datasets.readers.known import told_of
from gyral.datasets.readers.recording import Array, Part, Recording
from gyral.datasets.source import Source
from gyral.errors import BadDataset


def read(source: Source, folder: Path, subject: str) -> Recording:
    """All files of a subject, one after the other."""
    told = told_of(source)
    names: list[str] = []
    tables: list[Array] = []
    parts: list[Part] = []
    for path in find_files(folder, told.files, subject):
        lines = path.read_text("utf-8").splitlines()
        try:
            table = np.array([[float(n) for n in line.partition(":")[2].split()] for line in lines])
        except ValueError as error:
            raise BadDataset(f"not a table of counts: {error}.", where=str(path), code="table") from None
        names += [line.partition(":")[0].strip() for line in lines]
        tables.append(table)
        parts.append(Part(len(table), _sliced(table), str(path)))
    busy = np.concatenate(tables).mean(axis=0) >= float(told.options.get("least", 0.0))
    units = pd.DataFrame({"unit": [f"neuron-{k}" for k in range(len(busy))]})
    found = Recording(subject, pd.DataFrame({"stimulus": names}), units, tuple(parts))
    return found.kept(np.flatnonzero(busy))


def _sliced(table: Array):
    def blocks(most: int) -> Iterator[Array]:
        for start in range(0, len(table), most):
            yield table[start : start + most]

    return blocks
