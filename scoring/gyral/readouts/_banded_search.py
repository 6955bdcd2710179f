"""Search of weights and penalties for many units at once: which sets are worth a product.

The error of a unit over the inner folds is a curve over the penalties for every set of weights. All penalties
are computed for the first set (equal weights). For the others a unit starts at its best penalty so far and
walks to where its curve turns; it leaves a set at once where it is further behind its best than half of
what one step of the penalty changed its first curve around the minimum. That is how much a better penalty could
still win, if curves have about the same width and place whatever the weights. Measured (600 samples, two and
three spaces): mean inner r2 is within 1e-5 of that of an exhaustive search, at a quarter of the products.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gyral.readouts._banded import Bands, Held, Weighted
from gyral.readouts._kernel import residual
from gyral.readouts.readout import Array

Indices = NDArray[np.integer[Any]]
Search = Literal["pruned", "exhaustive"]

# Units multiplied at once.
_UNITS = 4096
# Share of one step's change that a set may be behind and still be walked.
_SLACK = 0.5


@dataclass(frozen=True, eq=False)
class Choice:
    """What the inner folds chose for each unit.

    Parameters
    ----------
    weights : int array, units
        Number of the set of weights.
    penalty : int array, units
        Number of the penalty.
    error, total : array, units
        Squared error of that choice, and of the inner training means, over all inner folds.
    """

    weights: Indices
    penalty: Indices
    error: Array
    total: Array


def weightings(spaces: Sequence[int], count: int, random: int, seed: int) -> Array:
    """Sets of weights to try: equal, each space alone, then ``random`` draws.

    Draws are from symmetric Dirichlet distributions with concentrations .1 (near the corners) and 1 (uniform)
    in turn.

    Parameters
    ----------
    spaces : sequence of int
        Spaces that may have weight.
    count : int
        Number of spaces.
    random, seed : int
        Draws (none for a single space), and the seed of their generator.

    Returns
    -------
    array, sets x count
        Rows sum to 1.
    """
    active = len(spaces)
    if active == 1:
        inside = np.ones((1, 1))
    else:
        rng = np.random.default_rng(seed)
        draws = [rng.dirichlet(np.full(active, (0.1, 1.0)[k % 2])) for k in range(random)]
        inside = np.vstack([np.full((1, active), 1 / active), np.eye(active), *draws])
    out = np.zeros((len(inside), count))
    out[:, list(spaces)] = inside
    return out


def choose(bands: Bands, folds: Sequence[Held], sets: Array, penalties: Sequence[float], search: Search) -> Choice:
    """Weights and penalty of least squared error over the folds, for each unit.

    Of equal errors the larger penalty wins, then the earlier set.
    """
    units = len(folds[0].rhs)
    total = torch.stack([f.total for f in folds]).sum(dim=0).cpu().numpy()
    best: Array = np.full(units, np.inf)
    where = np.zeros(units, int)
    penalty = np.zeros(units, int)
    slack: Array = np.zeros(units)
    for k, weights in enumerate(sets):
        curves = _Curves(folds, bands.weigh(weights, folds), penalties, units)
        if k == 0 or search == "exhaustive":
            curves.complete()
        else:
            curves.walk(penalty, best + slack)
        at = curves.lowest()
        error = curves.errors[at, np.arange(units)]
        if k == 0:
            slack = _SLACK * _step(curves.errors, at)
        better = error < best
        best[better], where[better], penalty[better] = error[better], k, at[better]
    return Choice(where, penalty, best, total)


class _Curves:
    """Errors of all units over the penalties under one set of weights; infinite where not computed."""

    def __init__(
        self, folds: Sequence[Held], weighted: Sequence[Weighted], penalties: Sequence[float], units: int
    ) -> None:
        self.folds, self.weighted, self.penalties = folds, weighted, penalties
        self.errors = np.full((len(penalties), units), np.inf)
        self._operators: dict[int, list[Tensor]] = {}

    def complete(self) -> None:
        """Every penalty for every unit."""
        for k in range(len(self.penalties)):
            self._compute(k, np.arange(self.errors.shape[1]))

    def walk(self, start: Indices, limit: Array) -> None:
        """From ``start`` to where each curve turns, for units whose error stays within ``limit``."""
        asked = np.zeros(self.errors.shape, bool)
        asked[start, np.arange(len(start))] = True
        while asked.any():
            for k in np.flatnonzero(asked.any(axis=1)):
                self._compute(int(k), np.flatnonzero(asked[k]))
            at = self.lowest()
            alive = np.flatnonzero(self.errors[at, np.arange(len(at))] <= limit)
            asked[:] = False
            for step in (-1, 1):
                to = at[alive] + step
                inside = (to >= 0) & (to < len(self.penalties))
                asked[to[inside], alive[inside]] = True
            asked &= np.isinf(self.errors)

    def lowest(self) -> Indices:
        """Number of the best penalty of each unit so far; the larger of equals."""
        return np.asarray(len(self.penalties) - 1 - self.errors[::-1].argmin(axis=0))

    def _compute(self, k: int, units: Indices) -> None:
        if k not in self._operators:
            self._operators[k] = [w.operator(self.penalties[k]) for w in self.weighted]
        self.errors[k, units] = 0.0
        for fold, operator in zip(self.folds, self._operators[k], strict=True):
            for first in range(0, len(units), _UNITS):
                some = units[first : first + _UNITS]
                self.errors[k, some] += _errors(fold, operator, some)


def _errors(fold: Held, operator: Tensor, units: Indices) -> Array:
    if len(units) == len(fold.rhs):
        rhs, target, rest = fold.rhs, fold.target.clone(), fold.rest
    else:
        index = torch.from_numpy(units).to(fold.rhs.device)
        rhs, target, rest = fold.rhs[index], fold.target[index], fold.rest[index]
    miss = residual(rhs, operator, target)
    return np.asarray((torch.linalg.vector_norm(miss, dim=1).double().square() + rest).cpu().numpy())


def _step(errors: Array, at: Indices) -> Array:
    """How much one step of the penalty changes the error around the minimum, the larger of both sides."""
    units = np.arange(errors.shape[1])
    sides = [errors[np.clip(at + step, 0, len(errors) - 1), units] for step in (-1, 1)]
    return np.asarray(np.maximum(*sides) - errors[at, units])
