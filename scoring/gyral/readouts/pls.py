"""Partial least squares: Brain-Score's default readout, number for number, and the form it converges to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.errors import BadArrays
from gyral.features.features import Features
from gyral.readouts._options import require_positive
from gyral.readouts._pls import Components, components, half
from gyral.readouts._responses import by_missing, varies
from gyral.readouts._smoother import gram
from gyral.readouts.legacy import require_cpu
from gyral.readouts.readout import Array, Needs, Rows, require_finite

# A response residual below this is 0 for scikit-learn: ten times the rounding of 1.
_ZERO = 10 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class _RegionFit:
    """Components of one region and what they give to its units."""

    units: Rows
    found: Components
    loadings: Array

    def of(self, design: Array) -> Array:
        """Predictions around the training mean for centred rows of the design."""
        return np.asarray((design @ self.found.rotations) @ self.loadings)


@dataclass(frozen=True, eq=False)
class FittedPls:
    """A fitted PLS; see `gyral.readouts.readout.FittedReadout`.

    Parameters
    ----------
    warnings : tuple of str
        What a reader of the score should know.
    """

    warnings: tuple[str, ...]
    _readout: "Pls"
    _features: Array
    _mean: Array
    _design: Array
    _dual: Array | None
    _responses: Array
    _offset: Array
    _varies: NDArray[np.bool_]
    _regions: tuple[Rows, ...]
    _inner: tuple[Fold, ...]
    _fits: tuple[_RegionFit, ...]

    @property
    def traits(self) -> Mapping[str, Array]:
        """None: nothing is chosen."""
        return {}

    @cached_property
    def inner_r2(self) -> Array:
        """R2 over the held-out rows of all inner folds, from fits on inner training rows.

        These fits share the design's factor and cost little beside one of scikit-learn's; needed only where
        layers are compared, they are done when this is first read. NaN where the unit is constant in training.
        """
        predicted, count = np.zeros(self._responses.shape), np.zeros(self._responses.shape[1])
        tested = np.zeros(len(self._responses), bool)
        total = np.zeros_like(count)
        for fold in self._inner:
            tested[fold.test] = True
            around = self._responses[fold.test] - self._responses[fold.train].mean(axis=0)
            total += (around**2).sum(axis=0)
        for units in self._regions:
            y = self._responses[:, units]
            shared = y @ y.T if _by_samples(self._design, y) else None
            count[units] += 1
            for fold in self._inner:
                mean, offset = self._design[fold.train].mean(axis=0), y[fold.train].mean(axis=0)
                block = None if shared is None else shared[np.ix_(fold.train, fold.train)]
                fit = self._readout.fit_region(
                    self._design[fold.train] - mean, y[fold.train] - offset, units, block
                )
                predicted[np.ix_(fold.test, units)] += fit.of(self._design[fold.test] - mean) + offset
        miss = self._responses[tested] - predicted[tested] / np.maximum(count, 1)
        known = self._varies & (total > 0) & (count > 0)
        out = np.full(len(count), np.nan)
        out[known] = 1 - (miss[:, known] ** 2).sum(axis=0) / total[known]
        return out

    def predict(self, features: Features, rows: Rows) -> Array:
        """Predictions for ``rows``: samples x units, float32.

        A unit in several regions gets the mean of its predictions; NaN for a unit in none, or constant in
        training.
        """
        new = features.flat(rows)
        require_finite(features, new, rows)
        design = new - self._mean if self._dual is None else gram(new, self._features, self._mean) @ self._dual
        total, count = np.zeros((len(rows), len(self._offset))), np.zeros(len(self._offset))
        for fit in self._fits:
            total[:, fit.units] += fit.of(design)
            count[fit.units] += 1
        out = total / np.maximum(count, 1) + self._offset
        out[:, (count == 0) | ~self._varies] = np.nan
        return out.astype(np.float32)


@dataclass(frozen=True)
class Pls:
    """PLS as Brain-Score fits it: scikit-learn's ``PLSRegression(n_components=25, scale=False)``.

    scikit-learn's power iteration is replayed: same start, same stop (squared change of the weights below
    ``tol``, at most ``max_iter`` steps), so the same numbers, though far from converged where two directions
    explain nearly as much (`PlsExact` moves single units by .005 in r). All in float64. Units of a region are
    fitted together; without ``regions`` all are one region. The start is the first unit of a region that
    varies, so the result depends on the order of units, as scikit-learn's does. A layer narrower than
    ``components`` gets as many as it has columns, with a warning; scikit-learn refuses it.

    Responses must have no NaN: components are those of all units of a region at once, so a sample cannot be
    left out for one unit alone.

    Parameters
    ----------
    components : int
        25, as in Brain-Score.
    max_iter : int
        Most power iterations a component.
    tol : float
        Squared change of the weights at which an iteration ends.
    device : str
        "cpu" only.

    References
    ----------
    Wegelin (2000), "A survey of partial least squares (PLS) methods".
    """

    components: int = 25
    max_iter: int = 500
    tol: float = 1e-6
    device: str = "cpu"
    name: ClassVar[str] = "pls"
    needs: ClassVar[Needs] = "features"
    by_region: ClassVar[bool] = True
    exact: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_positive(self, "components", "max_iter", "tol")

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: squares of samples or features, responses in float64."""
        square = max(rows, min(rows, features.width)) ** 2
        return 12 * rows * features.width + 48 * square + 24 * rows * units

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedPls:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`. Nothing is random: ``seed`` is unused.

        Raises
        ------
        BadFeatures
            Features are not finite.
        BadArrays
            A response is NaN (``pls-missing``), or there are fewer than three training rows.
        UserError
            ``device`` is not "cpu" (``bad-device``).
        """
        require_cpu(self.name, self.device)
        x = features.flat(rows)
        require_finite(features, x, rows)
        raw = np.asarray(responses[rows])
        _require_complete(self.name, raw)
        by_missing(raw)
        offset = raw.mean(axis=0, dtype=np.float64)
        y = raw - offset
        mean = x.mean(axis=0, dtype=np.float64)
        design, dual = (x - mean, None) if x.shape[1] <= len(x) else half(gram(x, x, mean))
        groups = tuple(r.units for r in regions) or (np.arange(y.shape[1]),)
        fits = tuple(self.fit_region(design, y[:, units], units) for units in groups)
        warnings = _warnings(self, min(x.shape), fits)
        return FittedPls(warnings, self, x, mean, design, dual, y, offset, varies(raw), groups, tuple(inner), fits)

    def fit_region(self, design: Array, y: Array, units: Rows, shared: Array | None = None) -> _RegionFit:
        """Components of the units of one region.

        Parameters
        ----------
        design : array, samples x r
            Centred.
        y : array, samples x units
            Centred.
        units : int array
            Their numbers.
        shared : array, samples x samples, optional
            ``y y'`` where it is known.
        """

        def start(scores: Array) -> Array | None:
            first = y[:, 0] - scores @ (scores.T @ y[:, 0])
            if np.abs(first).max() >= _ZERO:
                return np.asarray(first)
            rest = y - scores @ (scores.T @ y)
            large = np.flatnonzero(np.abs(rest).max(axis=0) >= _ZERO)
            return rest[:, large[0]] if large.size else None

        if shared is None and _by_samples(design, y):
            shared = y @ y.T
        if shared is None:
            loads = design.T @ y
            cross = loads @ loads.T
        else:
            cross = design.T @ (shared @ design)
        found = components(
            design,
            cross,
            start,
            self.components,
            single=y.shape[1] == 1,
            exact=self.exact,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        return _RegionFit(units, found, found.loadings(y))


@dataclass(frozen=True)
class PlsExact(Pls):
    """PLS with every component's weights to rounding: the leading singular vector, not an iteration cut short.

    Otherwise as `Pls`; the result does not depend on the order of units. ``max_iter`` and ``tol`` are unused.
    """

    name: ClassVar[str] = "pls-exact"
    exact: ClassVar[bool] = True


def _by_samples(design: Array, y: Array) -> bool:
    """True if ``L'(YY')L`` takes fewer products than ``(L'Y)(L'Y)'``."""
    samples, width = (int(n) for n in design.shape)
    units = int(y.shape[1])
    through_samples = samples**2 * units + 2 * samples * width * (samples + width)
    return through_samples < (2 * samples + width) * width * units


def _require_complete(name: str, responses: Array) -> None:
    missing = (~np.isfinite(responses)).sum(axis=0)
    if missing.any():
        unit = int(np.flatnonzero(missing)[0])
        raise BadArrays(
            f"readout {name!r} fits units together and cannot leave out single samples; unit {unit} lacks "
            f"{int(missing[unit])} of {len(responses)} training responses.",
            where="responses",
            mend="Leave that unit or those samples out, or use the readout 'ridge' or 'ridge-fixed', which mask "
            "samples per unit.",
            code="pls-missing",
        )


def _warnings(readout: Pls, width: int, fits: Sequence[_RegionFit]) -> tuple[str, ...]:
    out = []
    if width < readout.components:
        out.append(f"the layer has fewer than {readout.components} columns or samples; all are used")
    if not all(fit.found.converged for fit in fits):
        out.append(f"components stopped at {readout.max_iter} iterations, as in scikit-learn")
    return tuple(out)
