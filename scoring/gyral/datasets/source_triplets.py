"""Triplets of a source: a table of odd-one-out choices that names stimuli by their ids."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.files import column, find_file, read_table, texts
from gyral.datasets.source_parts import TripletsSource
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.triplets import Triplets
from gyral.errors import BadDataset


def read_triplets(source: TripletsSource, folder: Path, stimuli: StimulusSet) -> Triplets:
    """The choices, in the order of the table.

    Parameters
    ----------
    source : TripletsSource
    folder : Path
        What its path is relative to.
    stimuli : StimulusSet

    Raises
    ------
    BadDataset
        A name that is no stimulus (``stimulus-unknown``), one that stands in a row twice, a choice that is none of its row's three
        (``triplets``), or an empty table (``table``).
    UnknownName
        A column that is not there.
    """
    path = find_file(folder, source.table)
    table = read_table(path)
    if table.empty:
        raise BadDataset("the table has no row.", where=str(path), code="table")
    place = {name: i for i, name in enumerate(stimuli.ids)}
    items = np.column_stack([_places(texts(table, name, path), name, place, path) for name in source.items])
    odd = _places(texts(table, source.odd, path), source.odd, place, path)
    chosen = items == odd[:, None]
    if len(bad := np.flatnonzero(chosen.sum(axis=1) != 1)):
        row = table.iloc[int(bad[0])]
        raise BadDataset(
            f"row {int(bad[0]) + 1}: the odd one, {str(row[source.odd])!r}, is not one of its three stimuli "
            f"{[str(row[name]) for name in source.items]!r}, each of which stands in it once.",
            where=str(path),
            mend=f"Column {source.odd!r} holds the id of the stimulus that was chosen.",
            code="triplets",
        )
    who = np.zeros(len(table), np.int64)
    if source.participant is not None:
        named = column(table, source.participant, path)
        who = named.astype(np.int64) if named.dtype.kind in "iu" else np.unique(named, return_inverse=True)[1]
    try:
        return Triplets(items, chosen.argmax(axis=1), who)
    except BadDataset as error:
        raise BadDataset(error.what, where=str(path), mend=error.mend, code=error.code) from None


def _places(names: list[str], of: str, place: dict[str, int], path: Path) -> NDArray[np.int64]:
    unknown = next((i for i, name in enumerate(names) if name not in place), None)
    if unknown is not None:
        raise BadDataset(
            f"column {of!r}, row {unknown + 1}: {names[unknown]!r} is no id of the stimulus table.",
            where=str(path),
            code="stimulus-unknown",
        )
    return np.array([place[name] for name in names], np.int64)
