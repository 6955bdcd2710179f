"""Triplets: which of three stimuli people took for the odd one out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows
from gyral.errors import BadDataset

# Columns of the pack's table.
COLUMNS = ("first", "second", "third", "odd", "participant")


@dataclass(frozen=True, eq=False)
class Triplets:
    """Odd-one-out choices.

    Parameters
    ----------
    items : int array, triplets x 3
        Rows of the stimulus set.
    odd : int array, triplets
        Which of the three was chosen: 0, 1 or 2.
    participants : int array, triplets
        Who chose.

    Raises
    ------
    BadDataset
        An item twice in a triplet, or a choice that is none of the three (``triplets``).
    """

    items: Rows
    odd: Rows
    participants: Rows

    def __post_init__(self) -> None:
        count = len(self.items)
        if self.items.shape != (count, 3) or self.odd.shape != (count,) or self.participants.shape != (count,):
            raise _wrong(f"{self.items.shape!r} items for {self.odd.shape!r} choices; triplets x 3 are expected")
        if not count:
            raise _wrong("there are none")
        if not np.isin(self.odd, (0, 1, 2)).all():
            raise _wrong(
                f"the odd one of triplet {int(np.flatnonzero(~np.isin(self.odd, (0, 1, 2)))[0])} is not 0, 1 or 2"
            )
        ordered = np.sort(self.items, axis=1)
        same = np.flatnonzero((np.diff(ordered, axis=1) == 0).any(axis=1))
        if len(same):
            raise _wrong(f"triplet {int(same[0])} names a stimulus twice: {self.items[same[0]].tolist()!r}")

    def __len__(self) -> int:
        return len(self.items)

    @property
    def same(self) -> Rows:
        """Number of the set of three stimuli, whatever their order: equal for judgements of the same three."""
        _, codes = np.unique(np.sort(self.items, axis=1), axis=0, return_inverse=True)
        return np.asarray(codes.reshape(-1), np.int64)

    @classmethod
    def from_table(cls, table: NDArray[Any], stimuli: int) -> "Triplets":
        """From the pack's table, triplets x `COLUMNS`.

        Raises
        ------
        BadDataset
            Not such a table, or an item that is no row of ``stimuli``.
        """
        if table.ndim != 2 or table.shape[1] != len(COLUMNS) or table.dtype.kind not in "iu":
            raise _wrong(
                f"a table of shape {table.shape!r} and type {table.dtype}; integers, triplets x 5, are expected"
            )
        whole = np.asarray(table, np.int64)
        if len(whole) and not 0 <= whole[:, :3].min() <= whole[:, :3].max() < stimuli:
            raise _wrong(f"items from {whole[:, :3].min()} to {whole[:, :3].max()} of {stimuli} stimuli")
        return cls(whole[:, :3], whole[:, 3], whole[:, 4])

    def table(self) -> NDArray[np.int32]:
        """Triplets x `COLUMNS`, as packs keep it."""
        return np.column_stack([self.items, self.odd, self.participants]).astype(np.int32)


def _wrong(what: str) -> BadDataset:
    return BadDataset(f"{what}.", where="triplets", code="triplets")
