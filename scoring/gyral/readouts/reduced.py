"""Reduced: any readout on fewer columns, PCA or a sparse random projection fitted on training rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.readouts.readout import Array, FittedReadout, JointReadout, Needs, Readout, Rows, require
from gyral.readouts.reduction import Method, parse_reduction
from gyral.readouts.spec import label


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

    @property
    def traits(self) -> Mapping[str, Array]:
        """See `gyral.readouts.readout.FittedReadout`."""
        return self.fitted.traits

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
        """The family's label with the reduction behind it ("ridge+pca256")."""
        return f"{label(self.readout)}+{self.method}{self.width}"

    @property
    def needs(self) -> Needs:
        """What the family needs of a layer."""
        return self.readout.needs

    @property
    def by_region(self) -> bool:
        """As the family."""
        return self.readout.by_region

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`."""
        narrow = Features(features.layer, np.empty((0, min(self.width, features.width)), np.float32))
        return 8 * rows * features.width + self.readout.working_bytes(narrow, rows, units)

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedReadout:
        """Fit projection and readout on ``rows`` only; see `gyral.readouts.readout.Readout`."""
        require(self, features)
        width = min(self.width, len(rows)) if self.method == "pca" else self.width
        if features.width <= width:
            return self.readout.fit(features, responses, rows, inner, regions=regions, seed=seed)
        train = features.flat(rows)
        mean = train.mean(axis=0)
        projection = _projection(self.method, width, seed).fit(train - mean)
        reduced = np.zeros((len(features), width), np.float32)
        reduced[rows] = _project(projection, train - mean)
        narrow = Features(features.layer, reduced)
        return FittedReduced(
            self.readout.fit(narrow, responses, rows, inner, regions=regions, seed=seed), projection, mean, width
        )


def reduced(readout: Readout | JointReadout, spec: str) -> Reduced:
    """``readout`` behind the reduction ``METHOD:WIDTH`` ("pca:256", "srp:1000").

    Raises
    ------
    UserError
        The specification is none (``bad-reduction``), or the family needs positions, which a reduction
        removes.
    """
    method, width = parse_reduction(spec)
    if isinstance(readout, JointReadout) or readout.needs != "features":
        raise UserError(
            f"readout {readout.name!r} reads positions or several layers, and a reduction leaves neither.",
            where="reduce",
            mend="Use it with the readout 'ridge'.",
            code="bad-reduction",
        )
    return Reduced(readout, method, width)


def _projection(method: Method, width: int, seed: int) -> Any:
    if method == "pca":
        from sklearn.decomposition import PCA  # slow to import, and only for this option

        return PCA(width, random_state=seed)
    from sklearn.random_projection import SparseRandomProjection  # slow to import, and only for this option

    return SparseRandomProjection(width, random_state=seed, dense_output=True)


def _project(projection: Any, centred: Array) -> Array:
    return np.asarray(projection.transform(centred), np.float32)
