"""Runs: several fitted readouts on several layers, and the weighted sum of what they predict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gyral.errors import BadFeatures, UserError
from gyral.features.features import Features
from gyral.readouts.readout import Array, FittedReadout, Readout, Rows, accepts, require
from gyral.readouts.spec import label, open_readout


class Run(NamedTuple):
    """A readout to be fitted on the space of this number, with this seed."""

    readout: Readout
    space: int
    seed: int = 0

    def name(self, spaces: Sequence[Features]) -> str:
        """Readout and layer ("ridge/blocks.3")."""
        return f"{label(self.readout)}/{spaces[self.space].layer}"


def open_bases(specs: str, device: str, exchangeable: bool, where: str) -> tuple[Readout, ...]:
    """The readouts that specifications joined by "+" name.

    Raises
    ------
    UnknownName
        No such readout or option.
    UserError
        A family that itself reads several layers, one named twice, or none (``bad-readout``).
    """
    found: list[Readout] = []
    for spec in specs.split("+"):
        base = open_readout(spec.strip(), device=device, exchangeable=exchangeable)
        if not isinstance(base, Readout):
            raise UserError(
                f"{spec!r} itself reads several layers.",
                where=f"readout {where!r}",
                mend="Name families that read one layer, such as 'ridge+attention'.",
                code="bad-readout",
            )
        if base in found:
            raise UserError(f"{spec!r} is named twice.", where=f"readout {where!r}", code="bad-readout")
        found.append(base)
    return tuple(found)


def runs_of(readouts: Sequence[Readout], spaces: Sequence[Features]) -> list[Run]:
    """Every readout on every layer it can read.

    Raises
    ------
    BadFeatures
        No layer has what some readout needs (``needs-positions``), or there is no layer at all.
    """
    if not spaces:
        raise BadFeatures("there is no layer to read.", where="spaces", code="no-space")
    out = []
    for readout in readouts:
        able = [k for k, space in enumerate(spaces) if accepts(readout, space)]
        if not able:
            require(readout, spaces[0])
        out += [Run(readout, k) for k in able]
    return out


@dataclass(frozen=True, eq=False)
class FittedRuns:
    """Fitted runs and each unit's weights of them; see `gyral.readouts.readout.FittedJoint`.

    Parameters
    ----------
    inner_r2 : array, one a unit
    warnings : tuple of str
    traits : mapping
        ``weight:...``, one number a unit.
    weights : array, units x runs
        Not negative; each row sums to one, or is NaN for a unit without a fit.
    fits : tuple of (number of the space, fitted readout)
    """

    inner_r2: Array
    warnings: tuple[str, ...]
    traits: Mapping[str, Array]
    weights: Array
    fits: tuple[tuple[int, FittedReadout], ...]

    def predict(self, spaces: Sequence[Features], rows: Rows) -> Array:
        """Weighted sum of all runs: samples x units, float32; NaN for units without a fit."""
        total = np.zeros((len(rows), len(self.weights)))
        for weight, (space, fitted) in zip(self.weights.T, self.fits, strict=True):
            used = ~(weight == 0)  # NaN stays
            if used.any():
                total[:, used] += weight[used] * fitted.predict(spaces[space], rows)[:, used]
        return total.astype(np.float32)

    def explain(self, spaces: Sequence[Features], responses: Array, rows: Rows) -> dict[str, Array]:
        """Nothing: weights of correlated predictions do not split what they explain."""
        return {}


def told(fits: Sequence[FittedReadout]) -> tuple[str, ...]:
    """Warnings of all runs, each text once, in order."""
    return tuple(dict.fromkeys(text for fitted in fits for text in fitted.warnings))
