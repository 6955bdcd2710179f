"""Block: some units' responses around their means, and their sums over groups of rows that folds share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold
from gyral.readouts._responses import by_missing, varies
from gyral.readouts._ridge_arrays import Arrays, Host, Matrix, run_of, some_rows
from gyral.readouts._ridge_design import Design
from gyral.readouts.readout import Rows

# Bytes of what one block of units makes.
_BLOCK = 192 << 20
_FEWEST, _MOST = 256, 4096
# Rows by which units are told that may be constant.
_ASKED = 64


@dataclass(frozen=True, eq=False)
class Block:
    """Responses of units that lack the same samples.

    Parameters
    ----------
    units : int array
        Their columns.
    y : Matrix, samples x units
        Around ``offset``; 0 where missing.
    offset : array, units
    present : bool array, samples
    """

    units: Rows
    y: Matrix
    offset: Host
    present: NDArray[np.bool_]

    def some(self, which: Rows) -> "Block":
        """A block of some of the units."""
        return Block(self.units[which], self.y[:, which], self.offset[which], self.present)


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over some rows of a block; they add and subtract.

    Parameters
    ----------
    products : Matrix, p x units, or None
        Features by responses; None where every decomposition is dual.
    responses, squares : Matrix, units
    """

    products: Matrix | None
    responses: Matrix
    squares: Matrix

    def some(self, which: Rows) -> "Sums":
        """Those of some units."""
        products = None if self.products is None else self.products[:, which]
        return Sums(products, self.responses[which], self.squares[which])

    def __add__(self, other: "Sums") -> "Sums":
        products = None if self.products is None else self.products + other.products
        return Sums(products, self.responses + other.responses, self.squares + other.squares)

    def __sub__(self, other: "Sums") -> "Sums":
        products = None if self.products is None else self.products - other.products
        return Sums(products, self.responses - other.responses, self.squares - other.squares)


class Atoms:
    """Groups of rows that no fold tears apart: any fold's sums are sums of theirs.

    Parameters
    ----------
    folds : sequence of Fold
        Inner folds, positions within the training rows.
    count : int
        Training rows.
    """

    def __init__(self, folds: Sequence[Fold], count: int) -> None:
        member = np.zeros((2 * len(folds), count), bool)
        for k, fold in enumerate(folds):
            member[2 * k, fold.train], member[2 * k + 1, fold.test] = True, True
        if len(folds):
            _, first, group = np.unique(member, axis=1, return_index=True, return_inverse=True)
        else:
            first, group = np.zeros(1, int), np.zeros(count, int)
        self.rows = [np.flatnonzero(group.ravel() == g) for g in range(len(first))]
        self._member = member[:, first]

    def sums(self, design: Design, block: Block) -> list[Sums]:
        """Sums of each group."""
        primal = design.width < len(design.rows)
        return [_sums(design, block, rows, primal) for rows in self.rows]

    def train(self, fold: int, parts: Sequence[Sums], whole: Sums) -> Sums:
        """Sums over a fold's training rows."""
        return self._over(2 * fold, parts, whole)

    def test(self, fold: int, parts: Sequence[Sums], whole: Sums) -> Sums:
        """Sums over a fold's held-out rows."""
        return self._over(2 * fold + 1, parts, whole)

    def _over(self, row: int, parts: Sequence[Sums], whole: Sums) -> Sums:
        inside = [part for part, taken in zip(parts, self._member[row], strict=True) if taken]
        outside = [part for part, taken in zip(parts, self._member[row], strict=True) if not taken]
        return whole - total_of(outside) if outside and len(outside) < len(inside) else total_of(inside)


def total_of(parts: Sequence[Sums]) -> Sums:
    """Sum of sums."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def units_at_once(design: Design, folds: int) -> int:
    """Units of one block, so that responses and products of it stand in about 192 MiB."""
    primal = design.width if design.width < len(design.rows) else 0
    column = 4 * (2 * len(design.rows) + (folds + 4) * primal)
    return int(min(max(_BLOCK // column // 256 * 256, _FEWEST), _MOST))


def blocks(arrays: Arrays, responses: Host, rows: Rows, columns: Sequence[slice]) -> Iterator[Block]:
    """Responses of training rows, block after block; units that lack the same samples come together.

    The next block may be written over the last.

    Raises
    ------
    BadArrays
        A unit has fewer than 3 finite responses (``too-few-responses``).
    """
    room = _Room()
    for part in columns:
        raw = np.asarray(responses[run_of(rows), part])
        raw = raw if raw.dtype in (np.float32, np.float64) else raw.astype(np.float32)
        every = np.ones(len(rows), bool)
        share = np.full(len(rows), 1 / max(len(rows), 1), raw.dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = share @ raw
        # What has a gap, or next to no rows, is looked at sample by sample.
        finite = np.isfinite(mean) & (len(rows) > 2)
        whole = np.flatnonzero(finite)
        if len(whole):
            some = raw if len(whole) == raw.shape[1] else raw[:, whole]
            yield _block(arrays, some, mean[whole], every, whole + part.start, room)
        yield from _holed(arrays, raw, np.flatnonzero(~finite), part.start)


def _holed(arrays: Arrays, raw: Host, units: Rows, start: int) -> Iterator[Block]:
    if not len(units):
        return
    for there, group in by_missing(raw[:, units], units + start):
        here, pattern = units[group], np.zeros(len(raw), bool)
        pattern[there] = True
        values = raw[:, here]
        mean = values[pattern].mean(axis=0, dtype=np.float64).astype(raw.dtype)
        yield _block(arrays, np.where(pattern[:, None], values, mean), mean, pattern, here + start, _Room())


class _Room:
    """Memory that is asked of the system once: for arrays of this size every page would be made anew each time."""

    def __init__(self) -> None:
        self._held = np.empty(0, np.uint8)

    def like(self, values: Host) -> Host:
        """Room for an array as large as ``values``, row by row; what it holds is arbitrary."""
        if len(self._held) < values.nbytes:
            self._held = np.empty(values.nbytes, np.uint8)
        found: Host = self._held[: values.nbytes].view(values.dtype).reshape(values.shape)
        return found


def _block(arrays: Arrays, raw: Host, mean: Host, present: NDArray[np.bool_], units: Rows, room: _Room) -> Block:
    # A large offset costs no precision: what is left of it after one subtraction, each fold takes off again.
    y = np.subtract(raw, mean, out=room.like(raw))
    # What is left of a constant unit is rounding of its mean in these rows as in all; few units are so still in them
    # that all their rows are asked.
    some = y[:: max(1, len(y) // _ASKED)]
    still = np.flatnonzero(np.square(some).sum(axis=0) <= 1e-8 * len(some) * mean**2)
    constant = still[~varies(raw[present][:, still])]
    y[:, constant] = 0.0
    return Block(units, arrays.put(y), mean.astype(np.float64), present)


def _sums(design: Design, block: Block, rows: Rows, primal: bool) -> Sums:
    y = design.arrays.take(block.y, rows)
    products = design.arrays.take(design.z, rows).T @ y if primal else None
    responses, squares = design.arrays.zeros((2, y.shape[1]))
    for some in some_rows(y):
        ones = design.arrays.put(np.ones(some.stop - some.start))
        responses += ones @ y[some]
        squares += ones @ (y[some] * y[some])
    return Sums(products, responses, squares)
