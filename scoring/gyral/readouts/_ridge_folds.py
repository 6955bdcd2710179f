"""Gains of an inner fold, in whichever way takes least: from the axes of all rows, by maps, or by eigenvectors."""

import numpy as np

from gyral.readouts._ridge_arrays import Host, Matrix
from gyral.readouts._ridge_design import Design
from gyral.readouts._ridge_gains import Gains, MappedGains, turned
from gyral.readouts._ridge_span import COARSE, FINE, Centre, span
from gyral.readouts.readout import Rows
from gyral.threads import few_threads

# Bytes of the maps of one fold.
_MAPS = 96 << 20
# Least share of any direction that the training rows of a fold hold where it is solved from what it leaves out: the
# rounding of float32 products is at most so much larger in its maps.
_SHARE = 1e-2


def fold_gains(design: Design, train: Rows, test: Rows, penalties: Host, units: int) -> Gains:
    """Gains of an inner fold; kept with the design.

    Parameters
    ----------
    train, test : int array
        Rows of the design.
    units : int
        How many there will be in all.
    """
    many = units > len(penalties) * len(test)
    key = ("gains", train.tobytes(), test.tobytes(), penalties.tobytes(), many)
    with few_threads(len(train)):
        return design.kept.get(
            key,
            lambda: (
                _from_whole(design, train, test, penalties) or _decomposed(design, train, test, penalties, many)
            ),
        )


def _from_whole(design: Design, train: Rows, test: Rows, penalties: Host) -> MappedGains | None:
    """Gains of a fold that leaves few rows out, without a decomposition of its own; None where that would not do.

    With ``L`` the rows left out and the root of ``n`` times the mean of the others, the Gram of these is
    ``S - L'L``, and ``L (S + a - L'L)^-1 = (1 - L D L')^-1 L D`` where ``D = 1 / (S + a)`` (Woodbury).
    """
    arrays, known = design.arrays, design.values
    rest = np.setdiff1d(np.arange(len(design.rows)), train)
    few = 0 < 2 * len(rest) <= design.width and 4 * len(penalties) * len(test) * design.width <= _MAPS
    if known is None or design.is_dual(len(train)) or not few:
        return None
    root, values = float(np.sqrt(len(train))), arrays.put(known, "double")
    out = arrays.zeros((len(rest) + 1, design.width), "double")
    out[:-1] = arrays.take(design.z, rest)
    out[-1] = out[:-1].sum(axis=0) / -root
    share = 1 - float(arrays.host(arrays.eigh((out / (values + float(penalties[0]))) @ out.T)[0])[-1])
    if share < _SHARE:
        return None

    def make(penalty: float) -> Matrix:
        scaled = single * arrays.put(1 / (known + penalty))
        solved = arrays.solve(-(scaled @ single.T), scaled)
        return solved[at] - solved[-1] / root

    at, single = np.searchsorted(rest, test), arrays.cast(out, "single")
    # Eigenvalues of the fold lie between a share of those of all rows and these.
    between = np.concatenate([known * share**part for part in (0.0, 0.5, 1.0)])
    coarse, fine = (span(between, penalties, tolerance) for tolerance in (COARSE, FINE))
    centre = Centre(train, False, arrays.cast(out[-1] / root, "single"))
    return MappedGains(arrays, centre, penalties, coarse, fine, len(test), make)


def _decomposed(design: Design, train: Rows, test: Rows, penalties: Host, many: bool) -> Gains:
    """Gains by the eigenvectors of the training rows."""
    arrays, system = design.arrays, design.system(train)
    dual, values, vectors = system.centre.dual, system.values, system.vectors
    held = design.rotated(system, arrays.take(design.kernel if dual else design.z, test))
    cost = len(values) * (len(test) if dual else design.width)
    found = turned(arrays, system.centre, held, values, penalties, cost)
    if found.tall or vectors is None or not many or len(penalties) * held.nbytes > _MAPS:
        return found

    def make(penalty: float) -> Matrix:
        return (held * arrays.put(1 / (values + penalty))) @ vectors.T

    return MappedGains(arrays, system.centre, penalties, found.coarse, found.fine, len(test), make)
