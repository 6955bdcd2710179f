"""Choice: a penalty for every unit of a block, and the coefficients it leads to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gyral.datasets.split import Fold
from gyral.readouts._ridge_arrays import Host, Matrix
from gyral.readouts._ridge_block import Atoms, Block, Sums, total_of
from gyral.readouts._ridge_design import Design, System
from gyral.readouts._ridge_solver import Gains, generalised
from gyral.readouts.readout import Rows

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

    def choose(self, block: Block) -> Choice:
        """Penalties of a block; the smallest of equals."""
        parts = self._atoms.sums(self._design, block)
        whole = total_of(parts)
        if self._selection == "gcv":
            score, total = 1 - self._generalised(block, whole), self._total(block, whole)
        else:
            gains, total = self._gains(block, parts, whole)
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

    def _gains(self, block: Block, parts: Sequence[Sums], whole: Sums) -> tuple[Host, Host]:
        gains, total = np.zeros((len(block.units), len(self._penalties))), np.zeros(len(block.units))
        for k, fold in enumerate(self._inner):
            rows, ahead = fold.train[block.present[fold.train]], fold.test[block.present[fold.test]]
            if len(rows) < 2 or not len(ahead):
                continue
            train, test = self._atoms.train(k, parts, whole), self._atoms.test(k, parts, whole)
            mean = train.responses / len(rows)
            system, found = self._design.system(rows), self._design.gains(rows, ahead, self._penalties)
            left = self._design.centred(system, block.y, train.products, mean)
            target = self._target(block, system, found, test, mean, ahead)
            if self._selection == "kfold" and found.wants_maps(self._units):
                gains += found.of(left, target, self._design.maps(rows, ahead, self._penalties))
            else:
                gains += found.of(left @ system.vectors, target, reduced=self._selection == "kfold-reduced")
            total += self._design.arrays.host(test.squares - mean * (2 * test.responses - len(ahead) * mean))
        return gains, total

    def _target(self, block: Block, system: System, found: Gains, test: Sums, mean: Matrix, ahead: Rows) -> Matrix:
        """Held-out responses as `Gains.of` wants them."""
        arrays = self._design.arrays
        if found.tall and not system.dual:
            assert test.products is not None  # noqa: S101 - a primal system has products
            # A'y of centred features and responses, from sums that other folds need as well.
            crossed = test.products.T @ system.vectors - mean[:, None] * found.held.sum(axis=0)
            return crossed - test.responses[:, None] * (system.mean @ system.vectors)
        target = arrays.take(block.y, ahead) - mean
        return target.T @ found.held if found.tall else arrays.turn(target)

    def _generalised(self, block: Block, whole: Sums) -> Host:
        rows = np.flatnonzero(block.present)
        arrays, system = self._design.arrays, self._design.system(rows)
        mean = whole.responses / len(rows)
        rotated = self._design.centred(system, block.y, whole.products, mean) @ system.vectors
        left = rotated if system.dual else rotated * arrays.put(1 / np.sqrt(system.values))
        total = whole.squares - mean * whole.responses
        return generalised(arrays, left, total, system.values, self._penalties, len(rows))


def solve(design: Design, block: Block, penalties: Host, whole: Sums) -> Solved:
    """Coefficients of a block's units on all training rows; ``penalties`` one a unit, NaN for none."""
    rows = np.flatnonzero(block.present)
    system = design.system(rows)
    mean = whole.responses / len(rows)
    rotated = design.centred(system, block.y, whole.products, mean) @ system.vectors
    chosen = design.arrays.put(np.nan_to_num(penalties, nan=1.0))
    coefficients = rotated / (chosen[:, None] + design.arrays.put(system.values))
    constant = design.arrays.host(mean).astype(np.float64) + block.offset
    return Solved(block.units, rows, design.arrays.host(coefficients), constant)
