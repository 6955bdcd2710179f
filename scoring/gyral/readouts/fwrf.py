"""fwRF: the factorised readout solved exactly, a grid of Gaussian pools times ridge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.device import check_device
from gyral.features.features import Features
from gyral.readouts._options import require_positive
from gyral.readouts._penalties import PENALTIES, doubts, edges, require_grid
from gyral.readouts._pool_choice import ROOM, choose, scales
from gyral.readouts._pools import Pools, gaussian_pools, pooled
from gyral.readouts._preparation import Preparation, prepare_rows, prepared_bytes
from gyral.readouts._responses import by_missing, standardised
from gyral.readouts._spectrum import Spectrum
from gyral.readouts.readout import Array, Needs, Rows, require

SIZES = (0.7, 1.2, 2.0, 4.0)
# Rows predicted at once.
_TOGETHER = 512


@dataclass(frozen=True, eq=False)
class FittedFields:
    """A pool and a ridge for each unit; see `gyral.readouts.readout.FittedReadout`.

    ``maps`` gives the mean pool of each region's units (see `gyral.readouts.readout.Attentive`).
    """

    inner_r2: Array
    warnings: tuple[str, ...]
    traits: Mapping[str, Array]
    pool: Rows  # of each unit
    _pools: Pools
    _weights: Tensor  # channels x units
    _bias: Array
    _regions: tuple[Region, ...]
    _preparation: Preparation
    _device: str

    def predict(self, features: Features, rows: Rows) -> Array:
        """Predictions for ``rows``: samples x units, float32; NaN for units without a fit."""
        out = np.empty((len(rows), len(self.pool)), np.float32)
        for part, (values, present) in self._preparation.pieces(features, rows, self._device, _TOGETHER):
            for pool, units in _by_pool(self.pool):
                design = pooled(values, present, self._pools.logs[[pool]])[0]
                out[part, units] = (design @ self._weights[:, units]).cpu().numpy()
        return out + self._bias.astype(np.float32)

    def maps(self, features: Features, rows: Rows) -> Mapping[str, Array]:
        """Mean pool of the units of each region that was given: region -> 1 x positions, sums to 1."""
        shares = self._pools.logs.softmax(dim=1).cpu().numpy()
        return {r.name: shares[self.pool[r.units]].mean(axis=0, keepdims=True) for r in self._regions}


@dataclass(frozen=True)
class FieldRidge:
    """The factorised readout, exact: ``y_v = w_v . sum_p g_v(p) F_p + b_v`` with ``g_v`` out of a grid of pools.

    Pools are Gaussians at every cell in four sizes and the average over the whole map; each gives a design of
    one column a channel, whose decompositions per inner fold are shared by all units. Pool and penalty of each
    unit are those with the least squared error over the inner folds, then weights are solved on all training
    rows. Positions of a word sequence are cells of one axis, padding left out. Channels are standardised over
    samples and positions, and rotated to their first principal directions where there are more than ``channels``.
    Units that lack the same samples share decompositions; with gaps of its own in every unit the cost is that of
    as many fits.

    Parameters
    ----------
    sizes : tuple of float
        Standard deviations of the pools in cells (see `gyral.readouts._pools.gaussian_pools`).
    penalties : tuple of float
        Grid, for designs of mean square 1; 10^-2 .. 10^8 by default.
    channels : int
        Most principal channels.
    device : str
        "cpu" or "cuda".

    References
    ----------
    St-Yves & Naselaris (2018), doi 10.1016/j.neuroimage.2017.06.035 (feature-weighted receptive fields).
    """

    sizes: tuple[float, ...] = SIZES
    penalties: tuple[float, ...] = PENALTIES
    channels: int = 256
    device: str = "cpu"
    name: ClassVar[str] = "fwrf"
    needs: ClassVar[Needs] = "positions"
    by_region: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_grid(self.name, self.penalties)
        require_positive(self, "channels")

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: prepared features, a stack of designs, errors of all penalties."""
        kept = min(self.channels, features.channels)
        own = 4 * (4 * max(rows * kept, ROOM) + (4 * rows + kept + 24) * units)
        return prepared_bytes(features, rows, self.channels, 1) + own

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedFields:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`.

        Each unit is fitted for itself and nothing is random: ``seed`` is unused, ``regions`` are for the maps.

        Raises
        ------
        BadFeatures
            The layer has no positions (``needs-positions``), or its values are not finite.
        BadArrays
            A unit has fewer than three finite responses in training (``too-few-responses``).
        """
        check_device(self.device)
        require(self, features)
        preparation, values, present, grid = prepare_rows(features, rows, self.channels, self.device)
        y, offset, scale = standardised(responses[rows], self.device)
        units = y.shape[1]
        pools = gaussian_pools(grid, self.sizes)
        pool, penalty = np.zeros(units, np.int64), np.full(units, np.nan)
        inner_r2, bias = np.full(units, np.nan), np.zeros(units)
        weights = torch.zeros(values.shape[2], units, device=self.device)
        for there, block in by_missing(y.cpu().numpy()):
            x, seen, target = values[there], present[there], y[there][:, block]
            found = choose(x, seen, target, _within(inner, there, len(rows)), pools, self.penalties)
            pool[block], penalty[block] = found.pool, found.penalty
            varies = (found.totals > 1e-10 * len(there)) & np.isfinite(scale[block])
            inner_r2[block[varies]] = 1 - found.errors[varies] / found.totals[varies]
            for which, local in _by_pool(found.pool):
                design = pooled(x, seen, pools.logs[[which]])
                design = design / (factor := scales(design))
                spectrum = Spectrum.of(design)
                along, middle = spectrum.along(design, target[None, :, local])
                chosen = torch.from_numpy(found.penalty[local]).to(along)
                w, b = spectrum.weights(along, middle, chosen[None])
                weights[:, block[local]] = w[0] / factor[0]
                bias[block[local]] = b[0, 0].cpu().numpy()
        fitted = np.isfinite(inner_r2)
        traits = {
            "penalty": np.where(fitted, penalty, np.nan),
            "rf_x": np.where(fitted, pools.x[pool], np.nan),
            "rf_y": np.where(fitted, pools.y[pool], np.nan),
            "rf_size": np.where(fitted, pools.size[pool], np.nan),
        }
        return FittedFields(
            inner_r2,
            (*edges(traits["penalty"], inner_r2, self.penalties), *doubts(len(rows), inner, self.penalties)),
            traits,
            pool,
            pools,
            weights * torch.from_numpy(scale).to(weights),
            bias * scale + offset,
            tuple(regions),
            preparation,
            self.device,
        )


def _by_pool(pool: Rows) -> list[tuple[int, Rows]]:
    """Units of each pool that is anyone's."""
    return [(int(p), np.flatnonzero(pool == p)) for p in np.unique(pool)]


def _within(inner: Sequence[Fold], there: Rows, rows: int) -> tuple[Fold, ...]:
    """Inner folds as positions among the samples that are there."""
    place = np.full(rows, -1, np.int64)
    place[there] = np.arange(len(there))
    return tuple(Fold(*(place[part][place[part] >= 0] for part in fold)) for fold in inner)
