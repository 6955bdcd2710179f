"""Reduced: any readout on fewer columns, PCA or a sparse random projection fitted on training rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.readouts.readout import FittedReadout, Needs, Readout, require

Array = NDArray[np.floating[Any]]
Rows = NDArray[np.integer[Any]]
Method = Literal["pca", "srp"]


@dataclass(frozen=True, eq=False)
class FittedReduced:
    """A fitted readout behind its fitted projection."""

    fitted: FittedReadout
    _projection: Any
    _mean: Array
    _width: int

    @property
    def inner_r2(self) -> Array:
        """See `gyral.readouts.readout.FittedReadout`."""
        return self.fitted.inner_r2

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `gyral.readouts.readout.FittedReadout`."""
        return self.fitted.warnings

    def predict(self, features: Features, rows: Rows) -> Array:
        """Project ``rows``, then predict: samples x units."""
        wide = np.zeros((len(features), self._width), np.float32)
        wide[rows] = _project(self._projection, features.flat(rows) - self._mean)
        return self.fitted.predict(Features(features.layer, wide), rows)


@dataclass(frozen=True)
class Reduced:
    """A readout on ``width`` columns instead of all.

    Parameters
    ----------
    readout : Readout
        A family that reads flat features.
    method : {"pca", "srp"}
        Principal components, or a sparse random projection (Li, Hastie & Church 2006,
        doi 10.1145/1150402.1150436); through scikit-learn.
    width : int
        Columns kept; layers that are not wider stay as they are.
    """

    readout: Readout
    method: Method
    width: int

    @property
    def name(self) -> str:
        """The family's name with the reduction behind it ("ridge+pca256")."""
        return f"{self.readout.name}+{self.method}{self.width}"

    @property
    def needs(self) -> Needs:
        """What the family needs of a layer."""
        return self.readout.needs

    def fit(
        self, features: Features, responses: Array, rows: Rows, inner: Sequence[Fold], *, seed: int = 0
    ) -> FittedReadout:
        """Fit projection and readout on ``rows`` only; see `gyral.readouts.readout.Readout`."""
        require(self, features)
        width = min(self.width, len(rows)) if self.method == "pca" else self.width
        if features.width <= width:
            return self.readout.fit(features, responses, rows, inner, seed=seed)
        train = features.flat(rows)
        mean = train.mean(axis=0)
        projection = _projection(self.method, width, seed).fit(train - mean)
        reduced = np.zeros((len(features), width), np.float32)
        reduced[rows] = _project(projection, train - mean)
        narrow = Features(features.layer, reduced)
        return FittedReduced(self.readout.fit(narrow, responses, rows, inner, seed=seed), projection, mean, width)


def reduced(readout: Readout, spec: str) -> Reduced:
    """``readout`` behind the reduction ``METHOD:WIDTH`` ("pca:256", "srp:1000").

    Raises
    ------
    UserError
        The specification is none (``bad-reduction``), or the family needs positions, which a reduction
        removes.
    """
    method, _, width = spec.partition(":")
    if method not in ("pca", "srp") or not width.isdigit() or int(width) < 1:
        raise UserError(
            f"{spec!r} is no reduction.",
            where="--reduce",
            mend="Write pca:WIDTH or srp:WIDTH.",
            code="bad-reduction",
        )
    if readout.needs != "features":
        raise UserError(
            f"readout {readout.name!r} needs positions, and a reduction removes them.",
            where="--reduce",
            mend="Use it with the readout 'ridge'.",
            code="bad-reduction",
        )
    return Reduced(readout, cast("Method", method), int(width))


def _projection(method: Method, width: int, seed: int) -> Any:
    if method == "pca":
        from sklearn.decomposition import PCA  # slow to import, and only for this option

        return PCA(width, random_state=seed)
    from sklearn.random_projection import SparseRandomProjection  # slow to import, and only for this option

    return SparseRandomProjection(width, random_state=seed, dense_output=True)


def _project(projection: Any, centred: Array) -> Array:
    return np.asarray(projection.transform(centred), np.float32)
