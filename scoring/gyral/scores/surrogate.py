"""Surrogate: responses made unrelated to predictions, for a p-value of any metric (`gyral.scores.pvalue` has that of r)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows
from gyral.errors import EngineError
from gyral.scores.pvalue import DRAWS, Null, regrouped

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


def surrogates(
    measured: Array,
    runs: Sequence[Rows],
    null: Null,
    *,
    groups: NDArray[np.integer[Any]] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Iterator[Floats]:
    """Responses with the rows of each run redrawn, the same way for all units of a draw.

    Parameters
    ----------
    measured : array, samples x units
        Nothing missing in any run.
    runs : sequence of int array
        Rows of each uninterrupted run, in order.
    null : {"permutation", "phase", "group"}
        As `gyral.scores.chance.runs_and_null` says. Means, and for all but groups of unequal sizes spreads, stay.
    groups : int array, samples, optional
        For ``group``.
    draws : int
    seed : int
    """
    if null not in ("permutation", "phase", "group"):
        raise EngineError(f"no surrogates by {null!r}")
    rng = np.random.default_rng([seed, 0x9A1E])
    for _ in range(draws):
        found = np.array(measured, np.float64)
        for run in runs:
            if null == "phase":
                found[run] = _turned(found[run], rng)
            elif null == "group" and groups is not None:
                found[run] = found[run[regrouped(np.asarray(groups)[run], rng)]]
            else:
                found[run] = found[rng.permutation(run)]
        yield found


def _turned(values: Floats, rng: np.random.Generator) -> Floats:
    """Random phases of the Fourier components above zero: the spectrum stays, and so do relations between units."""
    spectrum = np.fft.rfft(values, axis=0)
    turn = np.exp(1j * rng.uniform(0, 2 * np.pi, len(spectrum) - 1))
    if len(values) % 2 == 0:
        turn[-1] = rng.choice([-1.0, 1.0])  # the Nyquist component is real
    spectrum[1:] *= turn[:, None]
    return np.asarray(np.fft.irfft(spectrum, len(values), axis=0))
