"""Legacy rows: the regressions Brain-Score runs, number for number, for comparison only.

Brain-Score (vision 2.x, `metrics/regression_correlation`) fits scikit-learn's ``LinearRegression()``,
``Ridge(alpha=1)`` or ``PLSRegression(n_components=25, scale=False)`` to features as they come (no
standardisation), with an intercept, chooses nothing inside training rows, and takes the median r over units.
PLS is in `gyral.readouts.pls`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.readouts._responses import by_missing, varies
from gyral.readouts._smoother import Smoother, least_squares_smoother, ridge_smoother
from gyral.readouts.readout import Array, Needs, Rows, require_finite

# Units multiplied at once.
_UNITS = 4096


@dataclass(frozen=True, eq=False)
class FittedSmoother:
    """A fitted family without a choice inside; see `gyral.readouts.readout.FittedReadout`.

    Parameters
    ----------
    warnings : tuple of str
        What a reader of the score should know.
    """

    warnings: tuple[str, ...]
    _smoother: Smoother
    _responses: Array
    _groups: list[tuple[Rows, Rows]]
    _inner: tuple[Fold, ...]

    @property
    def traits(self) -> Mapping[str, Array]:
        """None: nothing is chosen."""
        return {}

    @cached_property
    def inner_r2(self) -> Array:
        """R2 over the held-out rows of all inner folds, from fits on inner training rows.

        Needed only where layers are compared, so it is computed when it is first read. NaN where the unit is
        constant in training.
        """
        out = np.full(self._responses.shape[1], np.nan)
        for present, units in self._groups:
            errors, total = np.zeros(len(units)), np.zeros(len(units))
            for fold in self._inner:
                train, held = np.intersect1d(fold.train, present), np.intersect1d(fold.test, present)
                if len(train) < 2 or not len(held):
                    continue
                hat = self._smoother.within(train, held).astype(np.float32)
                for first in range(0, len(units), _UNITS):
                    part = slice(first, first + _UNITS)
                    y = self._responses[np.ix_(np.concatenate([train, held]), units[part])]
                    # Around its mean, a response with a large offset loses nothing in float32.
                    y = (y - y[: len(train)].mean(axis=0)).astype(np.float32)
                    miss = y[len(train) :] - hat @ y[: len(train)]
                    errors[part] += np.einsum("ij,ij->j", miss, miss)
                    total[part] += np.einsum("ij,ij->j", y[len(train) :], y[len(train) :])
            known = varies(self._responses[:, units]) & (total > 0)
            out[units[known]] = 1 - errors[known] / total[known]
        return out

    def predict(self, features: Features, rows: Rows) -> Array:
        """Predictions for ``rows``: samples x units, float32; NaN for units constant in training."""
        new = features.flat(rows)
        require_finite(features, new, rows)
        out = np.full((len(rows), self._responses.shape[1]), np.nan, np.float32)
        for present, units in self._groups:
            hat = self._smoother.ahead(new, present)
            for first in range(0, len(units), _UNITS):
                some = units[first : first + _UNITS]
                # In float32 the product alone would differ from scikit-learn's float64 by 3e-6.
                out[:, some] = hat @ self._taken(present, some).astype(np.float64, copy=False)
        constant = ~varies(self._responses)
        out[:, constant] = np.nan
        return out

    def _taken(self, present: Rows, units: Rows) -> Array:
        """Responses of a block of units; a view where no sample is missing and the units are neighbours."""
        if len(present) == len(self._responses) and units[-1] - units[0] == len(units) - 1:
            return np.asarray(self._responses[:, units[0] : units[-1] + 1])
        return np.asarray(self._responses[np.ix_(present, units)])


@dataclass(frozen=True)
class FixedRidge:
    """Ridge with one penalty for all units, on features as they come: scikit-learn's ``Ridge(alpha=1)``.

    ``min_W ||Y - X W||^2 + a ||W||^2`` with an intercept that is not penalised. Held-out predictions are
    formed without weights, ``k (K + a I)^-1 Y`` where features outnumber samples and
    ``x (X'X + a I)^-1 X' Y`` elsewhere, in float64. A NaN in the responses masks that sample for that unit.

    Parameters
    ----------
    penalty : float
        ``a``; 1, as in Brain-Score.
    device : str
        "cpu" only.

    References
    ----------
    Hoerl & Kennard (1970), doi 10.1080/00401706.1970.10488634.
    """

    penalty: float = 1.0
    device: str = "cpu"
    name: ClassVar[str] = "ridge-fixed"
    needs: ClassVar[Needs] = "features"
    by_region: ClassVar[bool] = False

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: design, Gram matrices and a block of units in float64."""
        return _bytes(features, rows, units)

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedSmoother:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`. ``regions`` and ``seed`` are unused.

        Raises
        ------
        BadFeatures
            Features are not finite.
        BadArrays
            A unit has fewer than three finite responses in training.
        UserError
            ``penalty`` is not above 0 (``bad-penalty``), or ``device`` is not "cpu" (``bad-device``).
        """
        require_cpu(self.name, self.device)
        if not (np.isfinite(self.penalty) and self.penalty > 0):
            raise UserError(
                f"penalty {self.penalty!r}: it must be a finite number above 0.",
                where=f"readout {self.name!r}",
                mend="Without a penalty the readout is 'ols'.",
                code="bad-penalty",
            )
        x = features.flat(rows)
        require_finite(features, x, rows)
        return _fitted(ridge_smoother(x, self.penalty), responses[rows], inner, ())


@dataclass(frozen=True)
class Ols:
    """Ordinary least squares on features as they come: scikit-learn's ``LinearRegression()``.

    With fewer samples than features (plus the intercept) it interpolates the training rows; the solution is
    then that of minimum norm, singular values below 1e-6 of the largest counting as zero, and a warning says
    so. A NaN in the responses masks that sample for that unit.

    Parameters
    ----------
    device : str
        "cpu" only.
    """

    device: str = "cpu"
    name: ClassVar[str] = "ols"
    needs: ClassVar[Needs] = "features"
    by_region: ClassVar[bool] = False

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: design, its basis and a block of units in float64."""
        return _bytes(features, rows, units) + 16 * rows * features.width

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedSmoother:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`. ``regions`` and ``seed`` are unused.

        Raises
        ------
        BadFeatures
            Features are not finite.
        BadArrays
            A unit has fewer than three finite responses in training.
        UserError
            ``device`` is not "cpu" (``bad-device``).
        """
        require_cpu(self.name, self.device)
        x = features.flat(rows)
        require_finite(features, x, rows)
        warnings: tuple[str, ...] = ()
        if x.shape[1] >= len(x):
            warnings = ("no fewer features than samples; the training rows are interpolated (minimum norm)",)
        return _fitted(least_squares_smoother(x), responses[rows], inner, warnings)


def require_cpu(name: str, device: str) -> None:
    """Refuse any other device for a family that has no other.

    Raises
    ------
    UserError
        ``bad-device``.
    """
    if device != "cpu":
        raise UserError(
            f"readout {name!r} runs on the CPU only, not on {device!r}.",
            where="device",
            mend="Use cpu, or the readout 'ridge'.",
            code="bad-device",
        )


def _fitted(
    smoother: Smoother, responses: Array, inner: Sequence[Fold], warnings: tuple[str, ...]
) -> FittedSmoother:
    return FittedSmoother(warnings, smoother, responses, by_missing(responses), tuple(inner))


def _bytes(features: Features, rows: int, units: int) -> int:
    square = min(rows, features.width) ** 2
    return 12 * rows * features.width + 32 * square + 16 * rows * min(units, _UNITS) + 4 * rows * units
