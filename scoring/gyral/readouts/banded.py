"""Banded ridge: several feature spaces at once, a penalty each, and what each of them gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, get_args

import numpy as np
import torch
from torch import Tensor

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.device import check_device
from gyral.errors import BadFeatures, UserError
from gyral.features.features import Features
from gyral.readouts._banded import Bands, bands
from gyral.readouts._banded_fit import FittedBanded, Group, read
from gyral.readouts._banded_search import Choice, Search, choose, weightings
from gyral.readouts._options import require_one_of
from gyral.readouts._penalties import PENALTIES, doubts, edges, require_grid
from gyral.readouts._responses import by_missing, varies
from gyral.readouts.readout import Array, Needs, Rows

# More spaces than this leave a random search of some dozens of weightings thin.
_MANY = 12


@dataclass(frozen=True)
class Banded:
    """Ridge on several feature spaces, each with a penalty of its own, per unit.

    ``min_W ||Y - sum_k Z_k W_k||^2 + sum_k a / (g_k c_k) ||W_k||^2``: spaces standardised by the training
    rows, an overall penalty ``a`` out of ``penalties``, weights ``g`` on the simplex, ``c_k`` the mean width of
    the spaces over the width of this one, so that a wide space is not preferred for its width. Weights and
    penalty have the least squared error over the inner folds, of: equal weights, each space alone, and
    ``weightings`` random draws. With one space it is `gyral.readouts.ridge.Ridge`. A NaN in the responses masks
    that sample for that unit; each pattern of missing samples costs a search of its own.

    Parameters
    ----------
    penalties : tuple of float
        Grid; 10^-2 .. 10^8 by default.
    weightings : int
        Random weightings.
    search : {"pruned", "exhaustive"}
        "pruned" walks along the penalties and gives up weightings that are far behind, unit by unit;
        "exhaustive" computes every weighting with every penalty for every unit (three to five times the work).
    device : str
        "cpu" or "cuda".

    References
    ----------
    Nunez-Elizalde, Huth & Gallant (2019), doi 10.1016/j.neuroimage.2019.04.012;
    Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant (2022), doi 10.1016/j.neuroimage.2022.119728.
    """

    penalties: tuple[float, ...] = PENALTIES
    weightings: int = 50
    search: Search = "pruned"
    device: str = "cpu"
    name: ClassVar[str] = "banded"
    needs: ClassVar[Needs] = "features"
    by_region: ClassVar[bool] = False
    per_layer: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_grid(self.name, self.penalties)
        require_one_of(self, "search", get_args(Search))
        if self.weightings < 0:
            raise UserError(
                f"weightings must be 0 or more; it is {self.weightings!r}.",
                where=f"readout {self.name!r}",
                code="bad-readout",
            )

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.JointReadout`: one space's design and kernel, the folds' responses."""
        # Kernels where all spaces together are wider than rows are many: this one alone does not tell.
        square = min(rows, 2 * features.width) ** 2
        return 12 * rows * features.width + 100 * square + 4 * units * (8 * rows + 8 * len(self.penalties))

    def fit_spaces(
        self,
        spaces: Sequence[Features],
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedBanded:
        """Fit on ``rows``; see `gyral.readouts.readout.JointReadout`. ``regions`` are unused.

        Raises
        ------
        BadFeatures, BadArrays
            See `fit_weighted`.
        """
        self._check(spaces)
        sets = weightings(range(len(spaces)), len(spaces), self.weightings, seed)
        return self.fit_weighted(spaces, responses, rows, inner, sets, seed=seed)

    def fit_weighted(
        self,
        spaces: Sequence[Features],
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        sets: Array,
        *,
        seed: int = 0,
    ) -> FittedBanded:
        """Fit with the best of given sets of weights (sets x spaces, rows sum to 1) instead of random ones.

        Raises
        ------
        BadFeatures
            Two spaces have the same name (``same-space``), there is none, or features are not finite.
        BadArrays
            A unit has fewer than three finite responses in training.
        """
        check_device(self.device)
        self._check(spaces)
        device = torch.device(self.device)
        raw = np.asarray(responses[rows])
        raw = raw if np.isfinite(raw).all() else np.where(np.isfinite(raw), raw, np.nan)
        groups = by_missing(raw)
        offset = np.asarray(np.nanmean(raw, axis=0, dtype=np.float64))
        y = torch.from_numpy(np.ascontiguousarray((raw - offset).T, np.float32)).to(device)
        found = bands(
            [read(s, rows, device) for s in spaces], min((len(f.train) for f in inner), default=len(rows))
        )
        drawn = partial(weightings, count=len(spaces), random=self.weightings, seed=seed)
        chosen = partial(self._choose, found, y, tuple(inner))
        known = varies(raw)
        weights, penalties = np.full((y.shape[0], len(spaces)), np.nan), np.full(y.shape[0], np.nan)
        inner_r2 = np.full(y.shape[0], np.nan)
        done = []
        for present, units in groups:
            choice = chosen(present, units, sets)
            done.append(Group(present, units, choice))
            live = known[units] & (choice.total > 0)
            weights[units[live]] = sets[choice.weights[live]]
            penalties[units[live]] = np.asarray(self.penalties)[choice.penalty[live]]
            inner_r2[units[live]] = 1 - choice.error[live] / choice.total[live]
        return FittedBanded(
            inner_r2,
            self._warnings(len(spaces), penalties, inner_r2, len(rows), inner),
            tuple(s.layer for s in spaces),
            weights,
            penalties,
            found,
            y,
            offset,
            tuple(done),
            sets,
            self.penalties,
            chosen,
            drawn,
        )

    def _choose(
        self, found: Bands, y: Tensor, inner: Sequence[Fold], present: Rows, units: Rows, sets: Array
    ) -> Choice:
        """Weights out of ``sets`` and penalty of some units (``y``: units x training rows)."""
        folds = found.folds(y[torch.from_numpy(units).to(y.device)], present, inner)
        if not folds:
            none = np.zeros(len(units), int)
            return Choice(none, none, np.zeros(len(units)), np.zeros(len(units)))
        return choose(found, folds, sets, self.penalties, self.search)

    def _check(self, spaces: Sequence[Features]) -> None:
        names = [s.layer for s in spaces]
        if not names:
            raise BadFeatures("banded ridge needs at least one space.", where="spaces", code="no-space")
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise BadFeatures(
                f"two spaces are named {twice[0]!r}.",
                where="spaces",
                mend="Shares and unique variance are told apart by name: give each its own.",
                code="same-space",
            )

    def _warnings(
        self, spaces: int, penalties: Array, inner_r2: Array, rows: int, inner: Sequence[Fold]
    ) -> tuple[str, ...]:
        out = []
        if spaces > _MANY:
            out.append(f"over {_MANY} spaces and {self.weightings} random weightings; the search is thin")
        return (*out, *edges(penalties, inner_r2, self.penalties), *doubts(rows, inner, self.penalties))
