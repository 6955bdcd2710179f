"""The image-assisted semantic readout: a separate, flagged track with its own control.

The localisation net of the original form sees the image through another pretrained network, whatever the
submitted features are, so that a model of language gets a view of the pixels. A score of this readout is
therefore no score of the submitted model alone: it is computed only on demand, its name says so, and it stands
beside `AssistAlone`, the assisting features without the submitted ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.errors import BadFeatures
from gyral.features.features import Features
from gyral.readouts.readout import Array, Needs, Rows
from gyral.readouts.semantic import FittedSemantic, Semantic, WarpOptions


@dataclass(frozen=True, eq=False)
class FittedAssisted:
    """See `gyral.readouts.readout.FittedJoint`."""

    fitted: FittedSemantic
    _alone: bool

    @property
    def inner_r2(self) -> Array:
        """See `gyral.readouts.readout.FittedReadout.inner_r2`."""
        return self.fitted.inner_r2

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `gyral.readouts.readout.FittedReadout.warnings`."""
        return self.fitted.warnings

    @property
    def traits(self) -> Mapping[str, Array]:
        """See `gyral.readouts.readout.FittedReadout.traits`."""
        return self.fitted.traits

    def predict(self, spaces: Sequence[Features], rows: Rows) -> Array:
        """Predictions for ``rows``: samples x units, float32."""
        return self.fitted.predict_spaces(self._used(spaces), rows)

    def maps(self, spaces: Sequence[Features], rows: Rows) -> Mapping[str, Array]:
        """As `gyral.readouts.semantic.FittedSemantic.maps`; none of the control, which reads no submitted layer."""
        return {} if self._alone else self.fitted.maps_spaces(self._used(spaces), rows)

    def explain(self, spaces: Sequence[Features], responses: Array, rows: Rows) -> Mapping[str, Array]:
        """Nothing: masks and warps of two spaces do not add, so their shares are not defined."""
        return {}

    def _used(self, spaces: Sequence[Features]) -> Sequence[Features]:
        return _used(spaces, alone=self._alone)


@dataclass(frozen=True)
class SemanticAssisted(WarpOptions):
    """`Semantic` whose localisation net sees the last space (another model's layer) instead of the first.

    Options are those of `gyral.readouts.semantic.WarpOptions`.

    References
    ----------
    Saha, Chadha & Khosla (2024), arXiv 2410.14031.
    """

    name: ClassVar[str] = "semantic-assisted"
    needs: ClassVar[Needs] = "positions"
    by_region: ClassVar[bool] = True
    per_layer: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    def __post_init__(self) -> None:
        # A wrong option is refused when the readout is made, as everywhere.
        self._semantic()

    def _semantic(self) -> Semantic:
        return Semantic(**vars(self))

    def fit_spaces(
        self,
        spaces: Sequence[Features],
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedAssisted:
        """Fit on ``rows``; the first space is the submitted layer, the last the assisting one.

        Raises
        ------
        BadFeatures
            There are not two spaces (``needs-assist``), one has no positions, or values are not finite.
        """
        if len(spaces) < 2:
            raise BadFeatures(
                f"readout {self.name!r} needs the submitted layer and an assisting one; there is {len(spaces)}.",
                where="spaces",
                mend="Name a layer of an assisting model, or use the readout 'semantic'.",
                code="needs-assist",
            )
        used = _used(spaces, alone=self.alone)
        fitted = self._semantic().fit_guided(used, responses, rows, inner, regions=regions, seed=seed)
        return FittedAssisted(fitted, self.alone)

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.JointReadout`: both layers are prepared."""
        return 2 * self._semantic().working_bytes(features, rows, units)


class AssistAlone(SemanticAssisted):
    """The control of `SemanticAssisted`: the assisting features alone, through the same readout."""

    name: ClassVar[str] = "assist-alone"
    alone: ClassVar[bool] = True


def _used(spaces: Sequence[Features], *, alone: bool) -> Sequence[Features]:
    """The submitted layer and the assisting one; for the control the latter only."""
    return spaces[-1:] if alone else (spaces[0], spaces[-1])
