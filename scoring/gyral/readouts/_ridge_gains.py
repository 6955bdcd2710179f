"""Ridge for many units with a penalty each: what one decomposition says of all penalties and units.

``min_W ||Y - X W||^2 + sum_v a_v ||W_v||^2`` on centred data. With ``n`` samples and ``p`` features the
eigenvectors are those of ``X X'`` (dual, n <= p) or ``X' X`` (primal); either way held-out predictions are
``A diag(1 / (s + a)) B`` with a rotated design ``A`` (held-out x k), eigenvalues ``s`` and rotated responses
``B`` (k x units). Penalties are compared by what they take off the squared error, ``2 <y, f> - <f, f>``,
from cross products alone:

- ``1 / (s + a)`` of eleven penalties spans about eight directions: predictions are formed for some penalties, the
  others are combinations of them (pivoted QR; Golub & Van Loan, Matrix Computations, 5.4.2). Units whose best
  penalties differ by less than that leaves out are settled with more of them.
- Where more rows are held out than ``k``, ``<f, f>`` needs only the triangle ``R`` of ``A = Q R``.
- Of many units most penalties are ruled out without a prediction (`gyral.readouts._ridge_search`).
- A fold that leaves few rows out needs no decomposition of its own (`gyral.readouts._ridge_folds`).

Products are float32, decompositions float64.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gyral.readouts._ridge_arrays import Arrays, Host, Matrix
from gyral.readouts._ridge_span import COARSE, FINE, Centre, Span, span

# Held-out rows predicted at once by a triangle and else, and units whose predictions are summed at once in float64.
_TRIANGLE, _PANEL, _EXACT = 128, 1024, 64


@dataclass(frozen=True, eq=False)
class Gains(ABC):
    """What penalties take off the squared error of held-out rows, for one fold.

    Parameters
    ----------
    arrays : Arrays
    centre : Centre
        Of the training rows.
    penalties : array
    coarse, fine : Span
    """

    arrays: Arrays
    centre: Centre
    penalties: Host
    coarse: Span
    fine: Span

    def of(self, left: Matrix, target: Matrix, fine: bool = False, reduced: bool = False) -> tuple[Host, Host]:
        """Gains of all penalties and squared sizes of what the span leaves out: units x penalties, float64.

        Parameters
        ----------
        left : Matrix, units x k
            What the factors of `_panels` take.
        target : Matrix, units x held-out
            Held-out responses around the training mean.
        fine : bool
            With the finer span.
        reduced : bool
            Predictions with bfloat16 factors.
        """
        found = self.fine if fine else self.coarse
        weights = self.arrays.put(found.weights, "double")
        squares, cross = self._inner_products(left, target, found, reduced)
        sizes = ((squares @ weights) * weights).sum(axis=1)
        return self.arrays.host(2 * cross - sizes), self.arrays.host(sizes) * found.error**2

    @property
    def tall(self) -> bool:
        """True where ``target`` is ``A' y``: units x k."""
        return False

    @abstractmethod
    def _panels(self, found: Span) -> Iterator[tuple[int, slice, Sequence[Matrix]]]:
        """Columns of ``left`` to skip, held-out rows and factors: (nodes x rows) x k, the nodes in order."""

    def _inner_products(self, left: Matrix, target: Matrix, found: Span, reduced: bool) -> tuple[Matrix, Matrix]:
        """Spanning predictions with each other (units x nodes x nodes), all with responses (units x penalties)."""
        arrays, units, count = self.arrays, len(left), len(found.nodes)
        squares = arrays.zeros((units, count, count), "double")
        cross = arrays.zeros((units, count, 1), "double")
        for skip, rows, factors in self._panels(found):
            size = rows.stop - rows.start
            made = [
                arrays.product(left[:, skip:], part.T, reduced).reshape(units, len(part) // size, size)
                for part in factors
            ]
            for some in (slice(first, first + _EXACT) for first in range(0, units, _EXACT)):
                # Sums in float32 would decide ties closer than 1e-7 of the squared error by rounding.
                exact, first = arrays.zeros((len(made[0][some]), count, size), "double"), 0
                for part in made:
                    exact[:, first : first + part.shape[1]] = part[some]
                    first += part.shape[1]
                squares[some] += exact @ exact.swapaxes(1, 2)
                if not self.tall:
                    cross[some] += exact @ arrays.cast(target[some, rows], "double")[:, :, None]
        return squares, cross[:, :, 0] @ arrays.put(found.weights, "double")


@dataclass(frozen=True, eq=False)
class TurnedGains(Gains):
    """Gains by the eigenvectors of the training rows; ``left`` is ``B'``.

    Parameters
    ----------
    values : array, k
        Eigenvalues ``s``.
    held : Matrix, held-out x k
        ``A``.
    triangle : Matrix, k x k, or None
        ``R`` of the QR factors of ``A``.
    """

    values: Host
    held: Matrix
    triangle: Matrix | None

    @property
    def tall(self) -> bool:
        return self.triangle is not None

    def sizes(self, shrunk: Matrix) -> Matrix:
        """Squared sizes of predictions, float64, for rows of ``B' diag(1 / (s + a))``."""
        total = self.arrays.zeros((len(shrunk),), "double")
        for skip, rows in self._parts():
            made = self.arrays.product(shrunk[:, skip:], self._design[rows, skip:].T, reduced=False)
            total += self.arrays.sizes(made)
        return total

    def crossed(self, target: Matrix) -> Matrix:
        """``A' y`` of what `of` takes for ``target``: units x k."""
        return target if self.tall else target @ self.held

    @cached_property
    def diagonal(self) -> Host:
        """Of ``A' A``, float64."""
        found: Host = self.arrays.host((self.arrays.cast(self._design, "double") ** 2).sum(axis=0))
        return found

    @property
    def _design(self) -> Matrix:
        return self.held if self.triangle is None else self.triangle

    def _parts(self) -> Iterator[tuple[int, slice]]:
        """Columns to skip and rows of some of the design after others: left of its diagonal a triangle is empty."""
        step = _TRIANGLE if self.tall else _PANEL
        for start in range(0, len(self._design), step):
            yield start if self.tall else 0, slice(start, min(start + step, len(self._design)))

    def _panels(self, found: Span) -> Iterator[tuple[int, slice, Sequence[Matrix]]]:
        nodes = self.arrays.put(1 / (self.values + found.nodes[:, None]))
        for skip, rows in self._parts():
            stacked = self._design[None, rows, skip:] * nodes[:, None, skip:]
            yield skip, rows, [stacked.reshape(len(nodes) * stacked.shape[1], stacked.shape[2])]

    def _inner_products(self, left: Matrix, target: Matrix, found: Span, reduced: bool) -> tuple[Matrix, Matrix]:
        squares, cross = super()._inner_products(left, target, found, reduced)
        if not self.tall:
            return squares, cross
        # Spanned like the squares: what both leave out then meets the residual alone, not the prediction.
        shrink = self.arrays.put(1 / (self.values[:, None] + found.nodes) @ found.weights, "double")
        return squares, (self.arrays.cast(left, "double") * self.arrays.cast(target, "double")) @ shrink


@dataclass(frozen=True, eq=False)
class MappedGains(Gains):
    """Gains by maps of what was not turned: ``left`` is units x (n or p).

    Parameters
    ----------
    rows : int
        Held-out rows.
    make : callable
        Held-out predictions at a penalty as a map: held-out x (n or p), float32.
    """

    rows: int
    make: Callable[[float], Matrix]
    _made: dict[float, Matrix] = field(default_factory=dict, init=False)

    @property
    def nbytes(self) -> int:
        """Bytes of the maps."""
        return sum(int(maps.nbytes) for maps in self._made.values())

    def _panels(self, found: Span) -> Iterator[tuple[int, slice, Sequence[Matrix]]]:
        shared = len(self.coarse.nodes)
        parts = [self._maps(nodes) for nodes in (found.nodes[:shared], found.nodes[shared:]) if len(nodes)]
        for start in range(0, self.rows, _PANEL):
            rows = slice(start, min(start + _PANEL, self.rows))
            yield 0, rows, [maps[:, rows].reshape(-1, maps.shape[2]) for maps in parts]

    def _maps(self, nodes: Host) -> Matrix:
        """Maps of some penalties, nodes x held-out x (n or p), made once; the first tells which."""
        if nodes[0] not in self._made:
            maps = [self.make(penalty) for penalty in nodes.tolist()]
            self._made[nodes[0]] = self.arrays.zeros((len(maps), *maps[0].shape))
            for k, one in enumerate(maps):
                self._made[nodes[0]][k] = one
        return self._made[nodes[0]]


def turned(arrays: Arrays, centre: Centre, held: Matrix, values: Host, penalties: Host, cross: int) -> TurnedGains:
    """`TurnedGains` in whichever form takes fewer multiplications.

    Parameters
    ----------
    held : Matrix, held-out x k
        ``A``.
    cross : int
        Multiplications a unit that ``A' y`` takes.
    """
    coarse, fine = (span(values, penalties, tolerance) for tolerance in (COARSE, FINE))
    (rows, rank), nodes = held.shape, len(coarse.nodes)
    tall = rank <= rows and nodes * rank * (rank + _TRIANGLE) // 2 + cross < nodes * rows * rank
    triangle = arrays.cast(arrays.triangle(arrays.cast(held, "double")), "single") if tall else None
    return TurnedGains(arrays, centre, penalties, coarse, fine, values, held, triangle)
