"""Ridge regression with one penalty per unit, chosen inside training rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gyral.datasets.split import Fold
from gyral.errors import BadArrays, BadFeatures
from gyral.features.features import Features
from gyral.readouts._ridge_solver import few_threads, held_out_errors, predict_chosen, rotate
from gyral.readouts.readout import Needs, require

Array = NDArray[np.floating[Any]]
Rows = NDArray[np.integer[Any]]

# Inner r2 above which a unit counts as predicted: chance alone leaves null units a little above 0.
_PREDICTED = 0.01

# Share of units at an edge of the grid from which a reader is told.
_EDGE_SHARE = 0.05

PENALTIES = tuple(float(10.0**k) for k in range(-2, 9))


@dataclass(frozen=True, eq=False)
class FittedRidge:
    """A fitted ridge; see `gyral.readouts.readout.FittedReadout`.

    Parameters
    ----------
    penalties : array, one a unit
        Chosen penalties; NaN for units without a fit.
    inner_r2 : array, one a unit
        R2 over the held-out rows of all inner folds; NaN where the unit is constant in training.
    warnings : tuple of str
        What a reader of the score should know.
    """

    penalties: Array
    inner_r2: Array
    warnings: tuple[str, ...]
    _design: Tensor
    _kernel: Tensor | None
    _mean: Tensor
    _scale: Tensor
    _responses: Array
    _offset: Array
    _prepare: Any

    def predict(self, features: Features, rows: Rows) -> Array:
        """Predictions for ``rows``: samples x units, float32; NaN for units without a fit."""
        test = self._prepare(features).flat(rows)
        new = (torch.from_numpy(test).to(self._design) - self._mean) * self._scale
        both = torch.cat([self._design, new])
        kernel = None if self._kernel is None else _beside(self._kernel, new @ self._design.T)
        out = np.full((len(rows), self._responses.shape[1]), np.nan, np.float32)
        for present, units in _by_missing(self._responses):
            units = units[np.isfinite(self.penalties[units])]
            if not units.size:
                continue
            device = self._design.device
            train = torch.from_numpy(np.flatnonzero(present)).to(device)
            ahead = torch.arange(len(self._design), len(both), device=device)
            y = torch.from_numpy(self._responses[:, units]).to(device)
            with few_threads(len(both)):
                a, s, b = rotate(kernel, None if kernel is not None else both, train, ahead, y)
            chosen = torch.from_numpy(self.penalties[units].astype(np.float32)).to(device)
            found = predict_chosen(a, s, b, y[train].mean(dim=0), chosen).cpu().numpy()
            out[:, units] = found + self._offset[units]
        return out


@dataclass(frozen=True)
class Ridge:
    """Closed-form ridge on standardised flat features, a penalty per unit.

    ``min_W ||Y - Z W||^2 + sum_v a_v ||W_v||^2`` with ``Z`` the features standardised by the training rows
    and ``a_v`` out of ``penalties`` by least squared error over the inner folds. Features that do not vary
    in training are dropped. Dual where samples are fewer than features, primal otherwise.

    Parameters
    ----------
    penalties : tuple of float
        Grid; 10^-2 .. 10^8 by default.
    device : str
        "cpu" or "cuda".

    References
    ----------
    Hoerl & Kennard (1970), doi 10.1080/00401706.1970.10488634.
    """

    penalties: tuple[float, ...] = PENALTIES
    device: str = "cpu"
    name: ClassVar[str] = "ridge"
    needs: ClassVar[Needs] = "features"

    def prepare(self, features: Features) -> Features:
        """The columns this family reads out of a layer."""
        return features

    def fit(
        self, features: Features, responses: Array, rows: Rows, inner: Sequence[Fold], *, seed: int = 0
    ) -> FittedRidge:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`. Nothing here is random: ``seed`` is unused.

        Raises
        ------
        BadFeatures
            Features are not finite, or the family needs positions that the layer does not have.
        BadArrays
            A unit has no two finite responses in training.
        """
        x = self.prepare(features).flat(rows)
        if not np.isfinite(x).all():
            bad = int(rows[np.flatnonzero(~np.isfinite(x).all(axis=1))[0]])
            raise BadFeatures(
                f"the features of sample {bad} are not finite.",
                where=f"layer {features.layer!r}",
                code="features-finite",
            )
        y, offset = _centred(responses[rows])
        design, mean, scale = _standardise(torch.from_numpy(x).to(self.device))
        chosen = np.full(y.shape[1], np.nan)
        inner_r2 = np.full(y.shape[1], np.nan)
        grid = np.asarray(self.penalties)
        # Dual where even the smallest inner training set has no more rows than features.
        dual = min((len(f.train) for f in inner), default=len(rows)) <= design.shape[1]
        kernel = (design @ design.T).double() if dual else None
        for present, units in _by_missing(y):
            if present.sum() < 3:
                raise BadArrays(
                    f"unit {units[0]} has {int(present.sum())} finite responses in training; 3 are needed.",
                    where="responses",
                    code="too-few-responses",
                )
            with few_threads(len(rows)):
                errors, total = self._inner_errors(kernel, design, y[:, units], present, inner)
            varies = total > 0
            best = errors.argmin(axis=0)
            chosen[units[varies]] = grid[best[varies]]
            inner_r2[units[varies]] = 1 - errors.min(axis=0)[varies] / total[varies]
        warnings = _edges(chosen, inner_r2, grid)
        return FittedRidge(chosen, inner_r2, warnings, design, kernel, mean, scale, y, offset, self.prepare)

    def _inner_errors(
        self, kernel: Tensor | None, design: Tensor, y: Array, present: NDArray[np.bool_], inner: Sequence[Fold]
    ) -> tuple[Array, Array]:
        tensor = torch.from_numpy(y).to(design.device)
        errors = np.zeros((len(self.penalties), y.shape[1]))
        total = np.zeros(y.shape[1])
        primal = design if kernel is None else None
        for fold in inner:
            train, test = fold.train[present[fold.train]], fold.test[present[fold.test]]
            if len(train) < 2 or not len(test):
                continue
            t, v = (torch.from_numpy(r).to(design.device) for r in (train, test))
            a, s, b = rotate(kernel, primal, t, v, tensor)
            e, n = held_out_errors(a, s, b, tensor[v], tensor[t].mean(dim=0), self.penalties)
            errors += e.cpu().numpy()
            total += n.cpu().numpy()
        # Rounding leaves a constant unit a total of about 1e-14 of its squared size.
        floor = 1e-10 * np.nansum(y.astype(np.float64) ** 2, axis=0)
        return errors, np.where(total > floor, total, 0.0)


class GapRidge(Ridge):
    """Ridge on features averaged over positions (global average pooling): a floor."""

    name: ClassVar[str] = "gap"
    needs: ClassVar[Needs] = "positions"

    def prepare(self, features: Features) -> Features:
        """Mean over positions.

        Raises
        ------
        BadFeatures
            The layer has no positions (``needs-positions``).
        """
        require(self, features)
        return features.pooled()


class ClsRidge(Ridge):
    """Ridge on the class token: a floor."""

    name: ClassVar[str] = "cls"
    needs: ClassVar[Needs] = "tokens"

    def prepare(self, features: Features) -> Features:
        """Position 0 of a token sequence.

        Raises
        ------
        BadFeatures
            The layer is no token sequence (``needs-positions``).
        """
        require(self, features)
        return features.first_token()


def _centred(responses: Array) -> tuple[Array, Array]:
    """Training responses around their mean, float32, and that mean: a large offset costs no precision."""
    raw = np.asarray(responses, np.float64)
    present = np.isfinite(raw)
    offset = np.where(present, raw, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    y = raw - offset
    # What is left of a constant unit is rounding of its mean.
    constant = np.where(present, np.abs(y), 0.0).max(axis=0, initial=0.0) <= 1e-12 * np.abs(offset)
    y[:, constant] = np.where(present[:, constant], 0.0, np.nan)
    return y.astype(np.float32), offset


def _standardise(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mean = x.mean(dim=0, keepdim=True)
    sd = x.std(dim=0, keepdim=True, correction=0)
    # A column whose spread is rounding of its mean is constant: it gets no weight at all.
    varies = sd > 1e-6 * mean.abs() + 1e-30
    scale = torch.where(varies, 1 / sd.clamp_min(1e-30), torch.zeros_like(sd))
    return (x - mean) * scale, mean, scale


def _beside(kernel: Tensor, cross: Tensor) -> Tensor:
    """Training kernel with held-out rows below it; held-out columns are never read."""
    rows, columns = cross.shape
    out = kernel.new_zeros((rows + columns, rows + columns))
    out[:columns, :columns] = kernel
    out[columns:, :columns] = cross
    return out


def _by_missing(y: Array) -> list[tuple[NDArray[np.bool_], Rows]]:
    """Units grouped by which samples are present, so that each group shares its decompositions."""
    present = np.isfinite(y)
    if present.all():
        return [(np.ones(len(y), bool), np.arange(y.shape[1]))]
    patterns, index = np.unique(present, axis=1, return_inverse=True)
    return [(patterns[:, k], np.flatnonzero(index == k)) for k in range(patterns.shape[1])]


def _edges(chosen: Array, inner_r2: Array, grid: Array) -> tuple[str, ...]:
    fitted = np.isfinite(chosen)
    if not fitted.any():
        return ()
    out = []
    low = float((chosen[fitted] == grid[0]).mean())
    high = float(((chosen[fitted] == grid[-1]) & (inner_r2[fitted] > _PREDICTED)).mean())
    # The texts carry no shares, so that equal warnings of many fits can be counted as one.
    if low > _EDGE_SHARE:
        out.append(f"over {_EDGE_SHARE:.0%} of units sit at the lower edge of the penalty grid ({grid[0]:g})")
    # Null units rightly end at the top; only units that are predicted say that the grid is too short.
    if high > _EDGE_SHARE:
        out.append(
            f"over {_EDGE_SHARE:.0%} of units with inner r2 > {_PREDICTED:g} sit at the upper edge of the "
            f"penalty grid ({grid[-1]:g})"
        )
    return tuple(out)
