"""Search: the best penalty of each unit from one or two of its predictions instead of all of them.

Of what a penalty takes off the squared error, ``2 <y, f> - <f, f>``, the first term is ``2 y'A D b``, next to nothing once
``A' y`` is known, and ``<f, f> = b' D A'A D b`` (``D = diag(1 / (s + a))``) nearly equals its diagonal part, ``sum_j (A'A)_jj d_j^2 b_j^2``,
as held-out rows have about the axes of the others. The ratio of the two varies little from one penalty to the next. How
little is seen on some units of which every penalty is predicted; with a margin that bounds what a penalty could take off,
and penalties are predicted until none could be better than the best.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gyral.readouts._ridge_arrays import Arrays, Host, Matrix, some_rows
from gyral.readouts._ridge_gains import Gains, TurnedGains
from gyral.readouts.readout import Rows

# Units of which all penalties are predicted, and how much more the ratios of others may vary than theirs.
PILOT, MARGIN = 256, 1.5
# Share of a prediction's size below which rounding may decide between two of them.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Ahead:
    """One fold of a block: what `Gains.of` takes.

    Parameters
    ----------
    gains : Gains
        To be searched: `TurnedGains`.
    left, target : Matrix
    """

    gains: Gains
    left: Matrix
    target: Matrix


class Search:
    """Gains of the best penalties, block after block.

    Parameters
    ----------
    arrays : Arrays
    penalties : array
    """

    def __init__(self, arrays: Arrays, penalties: Host) -> None:
        self._arrays, self._penalties = arrays, penalties
        self._varies: Host | None = None

    def pays(self, block: int, units: int) -> bool:
        """True where a block tells how ratios vary, and the units predicted whole are few among all."""
        return block >= PILOT and units >= 4 * PILOT

    def gains(self, folds: Sequence[Ahead]) -> tuple[Host, Rows]:
        """Gains over all folds (units x penalties, float64; -inf of what cannot be best), and units near a tie."""
        crossed, nearly = (sum(part) for part in zip(*map(self._cheap, folds), strict=True))
        units, count = crossed.shape
        exact, every = np.full(crossed.shape, np.nan), np.arange(units)
        pilot = every[:: max(1, units // PILOT)][:PILOT] if self._varies is None else every[:0]
        for k in range(count):
            exact[pilot, k] = self._sizes(folds, pilot, np.full(len(pilot), k))
        if self._varies is None:
            ratio = _ratio(exact[pilot], nearly[pilot])
            self._varies = MARGIN * np.abs(ratio[:, :, None] - ratio[:, None, :]).max(axis=0)
        asked, at = every, (crossed - nearly).argmax(axis=1)
        while len(asked):
            fresh = np.isnan(exact[asked, at])
            exact[asked[fresh], at[fresh]] = self._sizes(folds, asked[fresh], at[fresh])
            most = self._most(crossed[asked], nearly[asked], exact[asked])
            best = np.nanmax(crossed[asked] - exact[asked], axis=1)
            at = most.argmax(axis=1)
            open_ = most.max(axis=1) >= best - _ROUNDING * np.nanmax(exact[asked], axis=1)
            asked, at = asked[open_], at[open_]
        gains = np.where(np.isnan(exact), -np.inf, crossed - exact)
        best = gains.max(axis=1, keepdims=True)
        rounding = _ROUNDING * np.nanmax(exact, axis=1, keepdims=True)
        return gains, np.flatnonzero((gains >= best - rounding).sum(axis=1) > 1)

    def _most(self, crossed: Host, nearly: Host, exact: Host) -> Host:
        """The most that penalties not yet predicted can take off; -inf of the others."""
        ratio = _ratio(exact, nearly)
        assert self._varies is not None  # noqa: S101 - set by the first block
        least = np.full(crossed.shape, -np.inf)
        for k in range(crossed.shape[1]):
            known = ~np.isnan(ratio[:, k])
            least[known] = np.maximum(least[known], ratio[known, k, None] - self._varies[k])
        return np.where(np.isnan(exact), crossed - nearly * np.maximum(least, 0.0), -np.inf)

    def _cheap(self, fold: Ahead) -> tuple[Host, Host]:
        """``2 <y, f>`` and the diagonal part of ``<f, f>``: units x penalties, float64."""
        arrays, gains = self._arrays, _turned(fold)
        shrink = 1 / (gains.values[:, None] + self._penalties)
        target = gains.crossed(fold.target)
        crossed, nearly = np.empty((2, len(fold.left), len(self._penalties)))
        exact, squared = arrays.put(shrink, "double"), arrays.put(gains.diagonal[:, None] * shrink**2)
        for rows in some_rows(fold.left):
            left = fold.left[rows]
            product = arrays.cast(left, "double") * arrays.cast(target[rows], "double")
            crossed[rows], nearly[rows] = arrays.host(2 * product @ exact), arrays.host((left * left) @ squared)
        return crossed, nearly

    def _sizes(self, folds: Sequence[Ahead], units: Rows, at: Rows) -> Host:
        """``<f, f>`` over all folds, one for each unit and its penalty, float64."""
        sizes = np.zeros(len(units))
        if not len(units):
            return sizes
        for fold in folds:
            gains = _turned(fold)
            shrink = self._arrays.put(1 / (gains.values + self._penalties[:, None]))
            shrunk = self._arrays.take(fold.left, units) * self._arrays.take(shrink, at)
            sizes += self._arrays.host(gains.sizes(shrunk))
        return sizes


def _turned(fold: Ahead) -> TurnedGains:
    assert isinstance(fold.gains, TurnedGains)  # noqa: S101 - the caller asks
    return fold.gains


def _ratio(exact: Host, nearly: Host) -> Host:
    """Exact over approximate; 1 where nothing is predicted."""
    ratio: Host = np.where(nearly > 0, exact / np.where(nearly > 0, nearly, 1.0), exact + 1.0)
    return ratio
