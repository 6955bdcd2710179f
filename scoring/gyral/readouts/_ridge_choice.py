"""Choice: a penalty for every unit of a block, and the coefficients it leads to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gyral.datasets.split import Fold
from gyral.readouts._ridge_arrays import Host, Matrix
from gyral.readouts._ridge_block import Atoms, Block, Sums, total_of
from gyral.readouts._ridge_design import Design
from gyral.readouts._ridge_folds import fold_gains
from gyral.readouts._ridge_gains import Gains, TurnedGains
from gyral.readouts._ridge_gcv import generalised
from gyral.readouts._ridge_search import Ahead, Search
from gyral.readouts.readout import Rows

# Differences of gains were off by up to 1.5 times the product of residual and of what the coarse span leaves out.
_DOUBT = 2.0

Selection = Literal["kfold", "kfold-reduced", "gcv"]


@dataclass(frozen=True, eq=False)
class Choice:
    """Penalties of a block's units.

    Parameters
    ----------
    penalties, inner_r2 : array, one a unit
        NaN where there is no fit.
    orphaned : bool
        True if a unit varies, but no inner fold has samples of it on both sides.
    whole : Sums
        Over all training rows.
    """

    penalties: Host
    inner_r2: Host
    orphaned: bool
    whole: Sums


@dataclass(frozen=True, eq=False)
class Solved:
    """Coefficients of units that lack the same samples: predictions are ``A coefficients' + constant``.

    Parameters
    ----------
    units : int array
        Their columns.
    train : int array
        Training rows of theirs.
    coefficients : array, units x k
        Rotated, float32.
    constant : array, units
    """

    units: Rows
    train: Rows
    coefficients: Host
    constant: Host


class Chooser:
    """Chooses penalties, block after block, by one rule.

    Parameters
    ----------
    design : Design
    inner : sequence of Fold
        Positions within the training rows.
    penalties : array
    selection : {"kfold", "kfold-reduced", "gcv"}
    units : int
        How many there will be in all.
    """

    def __init__(
        self, design: Design, inner: Sequence[Fold], penalties: Host, selection: Selection, units: int
    ) -> None:
        self._design, self._penalties, self._selection, self._units = design, penalties, selection, units
        self._inner = inner if selection != "gcv" else ()
        self._atoms = Atoms(self._inner, len(design.rows))
        self._search = Search(design.arrays, penalties)

    def choose(self, block: Block) -> Choice:
        """Penalties of a block; the smallest of equals."""
        parts = self._atoms.sums(self._design, block)
        whole = total_of(parts)
        if self._selection == "gcv":
            score, total = 1 - self._generalised(block, whole), self._total(block, whole)
        else:
            gains, total = self._best(block, parts, whole)
            score = gains / np.where(total > 0, total, 1)[:, None]
        spread = self._total(block, whole)
        # Rounding leaves a constant unit a total of about 1e-14 of its squared size.
        fit = total > 1e-10 * spread
        best = score.argmax(axis=1)
        penalties = np.where(fit, self._penalties[best], np.nan)
        inner_r2 = np.where(fit, score[np.arange(len(best)), best], np.nan)
        return Choice(penalties, inner_r2, bool((~fit & (spread > 0)).any()), whole)

    def _total(self, block: Block, whole: Sums) -> Host:
        host = self._design.arrays.host
        mean = host(whole.responses) / block.present.sum()
        total: Host = host(whole.squares) - mean * host(whole.responses)
        return total.astype(np.float64)

    def _best(self, block: Block, parts: Sequence[Sums], whole: Sums) -> tuple[Host, Host]:
        """Gains, right for the best penalties at least (units x penalties), and squares around the training means."""
        many = self._selection == "kfold" and self._search.pays(len(block.units), self._units)
        if many and self._is_turned(block):
            folds, totals = zip(*self._folds(block, parts, whole), strict=True)
            gains, near = self._search.gains(folds)
            total = np.sum(totals, axis=0)
        else:
            gains, errors, total = self._gains(block, parts, whole, fine=False)
            near = _near(gains, errors, total)
        if len(near):
            some = [part.some(near) for part in parts]
            gains[near] = self._gains(block.some(near), some, whole.some(near), fine=True)[0]
        return gains, total

    def _is_turned(self, block: Block) -> bool:
        found = [
            fold_gains(self._design, rows, ahead, self._penalties, self._units)
            for _, rows, ahead in self._usable(block)
        ]
        return bool(found) and all(isinstance(each, TurnedGains) for each in found)

    def _gains(self, block: Block, parts: Sequence[Sums], whole: Sums, fine: bool) -> tuple[Host, Host, Host]:
        """Gains and squared errors of them (units x penalties), and squares around the training means."""
        shape = len(block.units), len(self._penalties)
        gains, errors, total = np.zeros(shape), np.zeros(shape), np.zeros(len(block.units))
        reduced = self._selection == "kfold-reduced" and not fine
        for ahead, squares in self._folds(block, parts, whole):
            gain, error = ahead.gains.of(ahead.left, ahead.target, fine, reduced)
            gains, errors, total = gains + gain, errors + error, total + squares
        return gains, errors, total

    def _usable(self, block: Block) -> Iterator[tuple[int, Rows, Rows]]:
        """Number, training and held-out rows of the inner folds that have both."""
        for k, fold in enumerate(self._inner):
            rows, ahead = fold.train[block.present[fold.train]], fold.test[block.present[fold.test]]
            if len(rows) >= 2 and len(ahead):
                yield k, rows, ahead

    def _folds(self, block: Block, parts: Sequence[Sums], whole: Sums) -> Iterator[tuple[Ahead, Host]]:
        """Each inner fold, and squares around its training means."""
        for k, rows, ahead in self._usable(block):
            train, test = self._atoms.train(k, parts, whole), self._atoms.test(k, parts, whole)
            mean = train.responses / len(rows)
            found = fold_gains(self._design, rows, ahead, self._penalties, self._units)
            left = self._design.centred(found.centre, block.y, train.products, mean)
            if isinstance(found, TurnedGains):
                left = self._design.system(rows).turn(left)
            target = self._target(block, found, test, mean, ahead)
            squares = self._design.arrays.host(test.squares - mean * (2 * test.responses - len(ahead) * mean))
            yield Ahead(found, left, target), squares

    def _target(self, block: Block, found: Gains, test: Sums, mean: Matrix, ahead: Rows) -> Matrix:
        """Held-out responses as `Gains.of` wants them."""
        arrays = self._design.arrays
        if isinstance(found, TurnedGains) and found.tall and not found.centre.dual:
            assert test.products is not None  # noqa: S101 - a primal system has products
            # A'y of centred features and responses, from sums that other folds need as well.
            system = self._design.system(found.centre.train)
            middle = system.turn(found.centre.mean)
            return arrays.less_outer(
                system.turn(test.products.T), (mean, found.held.sum(axis=0)), (test.responses, middle)
            )
        target = arrays.take(block.y, ahead) - mean
        return target.T @ found.held if isinstance(found, TurnedGains) and found.tall else arrays.turn(target)

    def _generalised(self, block: Block, whole: Sums) -> Host:
        rows = np.flatnonzero(block.present)
        arrays, system = self._design.arrays, self._design.system(rows)
        mean = whole.responses / len(rows)
        rotated = system.turn(self._design.centred(system.centre, block.y, whole.products, mean))
        left = rotated if system.centre.dual else rotated * arrays.put(1 / np.sqrt(system.values))
        total = whole.squares - mean * whole.responses
        return generalised(arrays, left, total, system.values, self._penalties, len(rows))


def solve(design: Design, block: Block, penalties: Host, whole: Sums) -> Solved:
    """Coefficients of a block's units on all training rows; ``penalties`` one a unit, NaN for none."""
    rows = np.flatnonzero(block.present)
    system = design.system(rows)
    mean = whole.responses / len(rows)
    rotated = system.turn(design.centred(system.centre, block.y, whole.products, mean))
    chosen = design.arrays.put(np.nan_to_num(penalties, nan=1.0))
    coefficients = rotated / (chosen[:, None] + design.arrays.put(system.values))
    constant = design.arrays.host(mean).astype(np.float64) + block.offset
    return Solved(block.units, rows, design.arrays.host(coefficients), constant)


def _near(gains: Host, errors: Host, total: Host) -> Rows:
    """Units whose best two penalties differ by less than the coarse span may leave out of their gains."""
    order = np.argsort(gains, axis=1)[:, -2:]
    best = np.take_along_axis(gains, order, axis=1)
    error = np.take_along_axis(errors, order, axis=1).sum(axis=1)
    # Rounding may leave either a little below 0.
    doubt = _DOUBT * np.sqrt(np.maximum(error, 0.0) * np.maximum(total - best[:, 0], 0.0)) + error
    return np.flatnonzero(best[:, -1] - best[:, 0] < doubt)
