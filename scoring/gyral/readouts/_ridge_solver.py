"""Ridge for many units with a penalty each: what one decomposition says of all penalties and units.

``min_W ||Y - X W||^2 + sum_v a_v ||W_v||^2`` on centred data. With ``n`` samples and ``p`` features the
eigenvectors are those of ``X X'`` (dual, n <= p) or ``X' X`` (primal); either way held-out predictions are
``A diag(1 / (s + a)) B`` with a rotated design ``A`` (held-out x k), eigenvalues ``s`` and rotated responses
``B`` (k x units). Penalties are compared by what they take off the squared error, ``2 <y, f> - <f, f>``,
from cross products alone:

- ``1 / (s + a)`` of eleven penalties spans fewer than eleven directions to float32 precision: predictions are
  formed for some penalties, the others are combinations of them (pivoted QR; Golub & Van Loan, Matrix
  Computations, 5.4.2).
- Where more rows are held out than ``k``, ``<f, f>`` needs only the triangle ``R`` of ``A = Q R``.

Products are float32, decompositions float64.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr, solve_triangular

from gyral.readouts._ridge_arrays import Arrays, Host, Matrix

# Relative size of what combinations of predictions may leave out.
_SPAN = 1e-6
# Held-out rows predicted at once, and units whose predictions are summed at once in float64.
_PANEL, _EXACT = 128, 256
# Bytes of the maps of one fold.
_MAPS = 96 << 20


@dataclass(frozen=True, eq=False)
class Span:
    """Penalties of which all others are combinations.

    Parameters
    ----------
    nodes : array, nodes x k
        ``1 / (s + a)`` of the spanning penalties.
    weights : array, nodes x penalties
        Row ``m`` holds what each penalty takes of node ``m``.
    """

    nodes: Host
    weights: Host


def span(values: Host, penalties: Host) -> Span:
    """Fewest penalties whose shrinkage gives that of all others to 1e-6."""
    if not len(values):
        return Span(np.zeros((1, 0)), np.zeros((1, len(penalties))))
    # Scaled by s, as rotated design and responses each carry a root of it, and each penalty by its largest.
    shrink = values[:, None] / (values[:, None] + penalties)
    size = shrink.max(axis=0)
    r, order = qr(shrink / size, mode="r", pivoting=True)
    r = r[: len(penalties)]
    diagonal = np.abs(np.diag(r))
    rank = int((diagonal > _SPAN * diagonal[0]).sum())
    weights = np.empty((rank, len(penalties)))
    weights[:, order] = solve_triangular(r[:rank, :rank], r[:rank])
    chosen = order[:rank]
    return Span(1 / (values + penalties[chosen, None]), weights * size / size[chosen, None])


@dataclass(frozen=True, eq=False)
class Gains:
    """What penalties take off the squared error of held-out rows, for one fold.

    Parameters
    ----------
    arrays : Arrays
    design : Matrix, held-out x k or k x k
        ``A``, or the triangle ``R`` of its QR factors.
    values : array, k
        Eigenvalues ``s``.
    penalties : array
    tall : bool
        True if ``design`` is a triangle.
    held : Matrix, held-out x k
        ``A``.
    """

    arrays: Arrays
    design: Matrix
    values: Host
    penalties: Host
    tall: bool
    held: Matrix
    _span: Span

    def wants_maps(self, units: int) -> bool:
        """True where `maps` cost less than rotating the responses of so many units, and stand in 96 MiB."""
        rows, rank = self.design.shape
        made = len(self._span.nodes) * rows
        return not self.tall and made < units and 4 * made * rank <= _MAPS

    def maps(self, vectors: Matrix) -> Matrix:
        """Held-out predictions of the spanning penalties as maps of the responses: held-out x nodes x (n or p)."""
        nodes, (rows, rank) = self.arrays.put(self._span.nodes), self.design.shape
        stacked = (self.design[:, None] * nodes).reshape(rows * len(nodes), rank)
        return (stacked @ vectors.T).reshape(rows, len(nodes), len(vectors))

    def of(self, left: Matrix, target: Matrix, maps: Matrix | None = None, reduced: bool = False) -> Host:
        """Gains of all penalties: units x penalties, float64.

        Parameters
        ----------
        left : Matrix, units x k
            ``B'``; with ``maps``, what they map: units x (n or p).
        target : Matrix, units x held-out, or units x k where ``tall``
            Held-out responses around the training mean; for a triangle, ``A' y``.
        maps : Matrix, held-out x nodes x (n or p), optional
            From `maps`.
        reduced : bool
            Predictions with bfloat16 factors.
        """
        weights = self.arrays.put(self._span.weights, "double")
        squares, cross = self._inner_products(left, target, maps, reduced)
        if self.tall:
            shrink = self.arrays.put(1 / (self.values[:, None] + self.penalties), "double")
            cross = (self.arrays.cast(left, "double") * self.arrays.cast(target, "double")) @ shrink
        else:
            cross = cross @ weights
        return self.arrays.host(2 * cross - ((squares @ weights) * weights).sum(axis=1))

    def _inner_products(
        self, left: Matrix, target: Matrix, maps: Matrix | None, reduced: bool
    ) -> tuple[Matrix, Matrix]:
        """Of the spanning predictions with each other (units x nodes x nodes) and with held-out responses."""
        cast, units, count = self.arrays.cast, len(left), len(self._span.nodes)
        nodes = self.arrays.put(self._span.nodes)
        squares = self.arrays.zeros((units, count, count), "double")
        cross = self.arrays.zeros((units, count, 1), "double")
        for start in range(0, len(self.design), _PANEL):
            # Left of its diagonal a triangle is empty.
            skip, panel = start if self.tall else 0, slice(start, start + _PANEL)
            stacked = self.design[panel, None, skip:] * nodes[:, skip:] if maps is None else maps[panel]
            factors = stacked.reshape(stacked.shape[0] * count, stacked.shape[2])
            made = self.arrays.product(left[:, skip:], factors.T, reduced).reshape(units, -1, count)
            for some in (slice(first, first + _EXACT) for first in range(0, units, _EXACT)):
                # Sums in float32 would decide ties closer than 1e-7 of the squared error by rounding.
                exact = cast(made[some], "double").swapaxes(1, 2)
                squares[some] += exact @ exact.swapaxes(1, 2)
                if not self.tall:
                    cross[some] += exact @ cast(target[some, panel], "double")[:, :, None]
        return squares, cross[:, :, 0]


def gains_of(arrays: Arrays, held: Matrix, values: Host, penalties: Host, cross_cost: int) -> Gains:
    """`Gains` in whichever form takes fewer multiplications.

    Parameters
    ----------
    held : Matrix, held-out x k
        ``A``.
    cross_cost : int
        Multiplications a unit that ``A' y`` takes.
    """
    found = span(values, penalties)
    rows, rank = held.shape
    nodes = len(found.nodes)
    tall = rank <= rows and nodes * rank * (rank + _PANEL) // 2 + cross_cost < nodes * rows * rank
    design = arrays.cast(arrays.triangle(arrays.cast(held, "double")), "single") if tall else held
    return Gains(arrays, design, values, penalties, tall, held, found)


def generalised(arrays: Arrays, rotated: Matrix, total: Matrix, values: Host, penalties: Host, rows: int) -> Host:
    """Generalised cross-validation: units x penalties, each over that of the mean alone (1 - R2).

    ``n RSS(a) / (n - 1 - sum_i s_i / (s_i + a))^2``; the mean takes one degree of freedom.

    Parameters
    ----------
    rotated : Matrix, units x k
        ``U' y`` for the left singular vectors ``U`` of the centred design.
    total : Matrix, units
        Squares of centred responses.
    rows : int
        ``n``.

    References
    ----------
    Golub, Heath & Wahba (1979), doi 10.1080/00401706.1979.10489751.
    """
    left = penalties / (values[:, None] + penalties)
    free = rows - 1 - len(values)
    degrees = left.sum(axis=0) + free
    squares = rotated * rotated
    # Outside the span of the features nothing is fitted; with as many directions as rows nothing is outside.
    outside = (total - squares.sum(axis=1)) * (1.0 if free > 0 else 0.0)
    outside = arrays.cast(outside * (outside > 0), "double")
    weights = arrays.put((left / degrees) ** 2)
    over = arrays.put(1 / degrees**2, "double")
    residual = arrays.cast(squares @ weights, "double") + outside[:, None] * over
    null = arrays.cast(total, "double")[:, None] / (rows - 1) ** 2
    return arrays.host(residual / (null + (null == 0)))
