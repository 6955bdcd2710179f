"""Reduced: any readout on fewer columns, PCA or a sparse random projection fitted on training rows.

Columns are standardised first, as readouts have them. Readouts standardise what they are given once more, and would stretch
a component that holds next to nothing to the size of the first: ridge would have nothing left to shrink. So components
are turned until each column holds the same variance, which changes neither their span nor their kernel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.readouts._spread import inverse_spread
from gyral.readouts.readout import Array, FittedReadout, JointReadout, Needs, Readout, Rows, require
from gyral.readouts.reduction import Method, parse_reduction
from gyral.readouts.spec import label


@dataclass(frozen=True, eq=False)
class FittedReduced:
    """A fitted readout behind its fitted projection."""

    fitted: FittedReadout
    _projection: "_Projection"

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
        return self.fitted.predict(self._projection.apply(features, rows), rows)


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
        projection, narrow = _fit_projection(features, rows, self.method, width, seed)
        return FittedReduced(
            self.readout.fit(narrow, responses, rows, inner, regions=regions, seed=seed), projection
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


@dataclass(frozen=True, eq=False)
class _Projection:
    """Columns of a layer to fewer: standardised by the training rows, then projected."""

    mean: Array  # columns
    scale: Array  # columns; 0 where training rows do not vary
    projection: Any
    rotation: Array | None  # components x components

    def apply(self, features: Features, rows: Rows) -> Features:
        """Fewer columns of ``rows``; zeros elsewhere."""
        return self.narrow(features, rows, (features.flat(rows) - self.mean) * self.scale)

    def narrow(self, features: Features, rows: Rows, standard: Array) -> Features:
        """The same of columns that are standardised already."""
        found = self.projection.transform(standard)
        if self.rotation is not None:
            found = found @ self.rotation
        whole = np.zeros((len(features), found.shape[1]), np.float32)
        whole[rows] = found
        return Features(features.layer, whole)


def _fit_projection(
    features: Features, rows: Rows, method: Method, width: int, seed: int
) -> tuple[_Projection, Features]:
    """The projection, and the training rows seen by it."""
    train = features.flat(rows)
    mean, sd = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    centre, scale = mean.astype(np.float32), inverse_spread(mean, sd)
    standard = (train - centre) * scale
    if method == "srp":
        from sklearn.random_projection import SparseRandomProjection  # slow to import, and only for this option

        random = SparseRandomProjection(width, random_state=seed, dense_output=True)
        projection = _Projection(centre, scale, random.fit(standard), None)
    else:
        from sklearn.decomposition import PCA  # slow to import, and only for this option

        components = PCA(width, random_state=seed).fit(standard)
        rotation = evening_rotation(components.explained_variance_).astype(np.float32)
        projection = _Projection(centre, scale, components, rotation)
    return projection, projection.narrow(features, rows, standard)


def evening_rotation(variances: Array) -> NDArray[np.float64]:
    """A rotation after which uncorrelated columns all have the mean of their variances.

    One that has more than the mean and one that has less are turned in their plane until one of them has it; the other
    goes on with what is left, uncorrelated with all that were not yet turned. Such a rotation always exists (Horn 1954, doi
    10.2307/2372705), and this builds it in as many turns as there are columns, less one.

    Parameters
    ----------
    variances : array, columns

    Returns
    -------
    array, columns x columns
        Orthogonal, float64; ``columns @ rotation`` are even.

    Examples
    --------
    >>> turned = evening_rotation(np.array([4.0, 1.0, 1.0]))
    >>> np.diag(turned.T @ np.diag([4.0, 1.0, 1.0]) @ turned).round(12).tolist()
    [2.0, 2.0, 2.0]
    """
    left: NDArray[np.float64] = np.array(variances, np.float64)
    rotation, mean = np.eye(len(left)), left.mean()
    order = np.argsort(left)
    low, high = 0, len(left) - 1
    at = order[high]
    high -= 1
    while low <= high:
        # The next one lies on the other side of the mean, so that the turn exists.
        if left[at] >= mean:
            other, low = order[low], low + 1
        else:
            other, high = order[high], high - 1
        gap = left[at] - left[other]
        if abs(gap) <= 1e-12 * mean:
            at = other
            continue
        share = np.clip((mean - left[other]) / gap, 0.0, 1.0)
        c, s = np.sqrt(share), np.sqrt(1 - share)
        first, second = rotation[:, at].copy(), rotation[:, other].copy()
        rotation[:, at], rotation[:, other] = c * first + s * second, c * second - s * first
        left[other], left[at] = left[at] + left[other] - mean, mean
        at = other
    return rotation
