"""Attention, light form: a few queries a region, softmax over positions, pooled values read by ridge."""

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
from gyral.readouts._looks import Looks, errors_of, train_looks, weights_of
from gyral.readouts._options import require_positive
from gyral.readouts._penalties import PENALTIES, doubts, edges, require_grid
from gyral.readouts._preparation import Preparation, prepare_rows, prepared_bytes
from gyral.readouts._regions import mean_over_regions, or_all
from gyral.readouts._responses import by_missing, standardised
from gyral.readouts._training import Part
from gyral.readouts.readout import Array, Needs, Rows, require

# Samples pooled together when predicting.
_TOGETHER = 1024


@dataclass(frozen=True, eq=False)
class Member:
    """One region's read, trained on one inner fold.

    Parameters
    ----------
    looks : Looks
    weights : Tensor, features x units of the region
    intercept : Tensor, units of the region
    """

    looks: Looks
    weights: Tensor
    intercept: Tensor

    def predict(self, x: Tensor, present: Tensor) -> Array:
        """Standardised predictions: samples x units of the region."""
        return np.asarray((self.looks.pooled(x, present) @ self.weights + self.intercept).cpu())


@dataclass(frozen=True, eq=False)
class FittedAttention:
    """Fitted queries and reads of every region; see `gyral.readouts.readout.FittedReadout` and `Attentive`."""

    inner_r2: Array
    warnings: tuple[str, ...]
    traits: Mapping[str, Array]
    regions: tuple[Region, ...]
    names: tuple[str, ...]  # of the regions that were given
    members: tuple[tuple[Member, ...], ...]  # of each region
    _preparation: Preparation
    _offset: Array
    _scale: Array
    _device: str

    def predict(self, features: Features, rows: Rows) -> Array:
        """Mean over members, and over the regions a unit is in: samples x units, float32; NaN without a fit."""
        out = np.empty((len(rows), len(self._offset)), np.float32)
        for part, (x, present) in self._preparation.pieces(features, rows, self._device, _TOGETHER):
            found = [np.mean([m.predict(x, present) for m in members], axis=0) for members in self.members]
            out[part] = mean_over_regions(found, self.regions, len(self._offset)) * self._scale + self._offset
        return out

    def maps(self, features: Features, rows: Rows) -> dict[str, Array]:
        """Mean attention over queries and members of each region that was given: region name -> rows x positions;
        sums to 1 over positions present."""
        out = {name: np.zeros((len(rows), int(np.prod(features.grid))), np.float32) for name in self.names}
        for part, (x, present) in self._preparation.pieces(features, rows, self._device, _TOGETHER):
            for name, members in zip(self.names, self.members, strict=False):
                looks = torch.stack([m.looks.weights(x, present).mean(dim=1) for m in members]).mean(dim=0)
                out[name][part] = (looks * present).cpu().numpy()
        return out


@dataclass(frozen=True)
class Attention:
    """Where a region looks depends on what stands there; what it sees is read linearly.

    Each region has ``queries`` queries k with a bias per position:
    ``alpha_iqp = softmax_p(k_q . F_ip + beta_qp)``. The values ``sum_p alpha_iqp F_ip`` of all queries are read by
    ridge with a penalty per unit. Queries are trained by gradient on the error that ridge makes on left-out
    training samples (see `gyral.readouts._looks`), stopped by the inner held-out rows; one member per inner
    fold. Each unit's penalty has the least squared error over the held-out rows of all members, whose reads are
    then fitted anew on all training rows. With one position this is ridge on the channels.

    Parameters
    ----------
    queries : int
        A region; as many as positions at most.
    channels : int
        Most principal channels kept.
    members : int
        Most inner folds trained on; predictions are their mean.
    rate, decay : float
        Of AdamW, for the queries.
    batch, epochs, patience : int
        Most samples of a step; most passes over training rows; passes without improvement.
    penalties : tuple of float
        Grid of the read.
    device : str
        "cpu" or "cuda".

    Notes
    -----
    Missing responses count as the unit's mean while queries are trained, and are left out of reads and scores.
    A unit in two regions is predicted by the mean of both, never the sum. ``inner_r2`` is on rows that stopped
    the training and chose the penalty, as in every other family trained by gradient.
    """

    queries: int = 4
    channels: int = 64
    members: int = 5
    rate: float = 0.1
    decay: float = 0.3
    batch: int = 1024
    epochs: int = 60
    patience: int = 6
    penalties: tuple[float, ...] = PENALTIES
    device: str = "cpu"
    name: ClassVar[str] = "attention"
    needs: ClassVar[Needs] = "positions"
    by_region: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_grid(self.name, self.penalties)
        require_positive(self, "queries", "channels", "members", "rate", "batch", "epochs", "patience")

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: prepared values, a step's attention and pooled values, Grams."""
        positions = int(np.prod(features.grid))
        kept = min(self.channels, features.channels)
        wide = self.queries * kept
        step = min(rows, 2 * self.batch) * (2 * positions * (kept + 3 * self.queries) + 6 * wide)
        own = 4 * (step + 8 * wide**2 + 12 * rows * units + self.members * rows * wide)
        return prepared_bytes(features, rows, self.channels, 2) + own

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedAttention:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`.

        Raises
        ------
        BadFeatures
            The layer has no positions (``needs-positions``), or its values are not finite.
        BadArrays
            A unit has fewer than three finite responses in training.
        """
        check_device(self.device)
        require(self, features)
        preparation, x, present, _ = prepare_rows(features, rows, self.channels, self.device)
        y, offset, scale = standardised(responses[rows], self.device)
        part = Part((x, present), y)
        units = y.shape[1]
        named = or_all(regions, units)
        folds = inner[: self.members]
        fits = [self._region(part, region, folds, seed) for region in named]
        held = mean_over_regions([f[1] for f in fits], named, units)
        penalty = 10.0 ** mean_over_regions([np.log10(f[2])[None] for f in fits], named, units)[0]
        penalty = np.where(np.isfinite(scale), penalty, np.nan)
        inner_r2 = _explained(np.asarray(y.cpu()), held, folds)
        return FittedAttention(
            inner_r2,
            (*edges(penalty, inner_r2, self.penalties), *doubts(len(rows), folds, self.penalties)),
            {"penalty": penalty},
            named,
            tuple(r.name for r in regions),
            tuple(f[0] for f in fits),
            preparation,
            offset,
            scale,
            self.device,
        )

    def _region(
        self, whole: Part, region: Region, folds: Sequence[Fold], seed: int
    ) -> tuple[tuple[Member, ...], Array, Array]:
        """Members of one region, their held-out predictions (rows x units) and the penalties."""
        y = whole.y[:, torch.as_tensor(region.units, device=self.device)]
        part = Part(whole.inputs, torch.nan_to_num(y))
        looks = [self._looks(part, fold, seed * 1000 + k) for k, fold in enumerate(folds)]
        pooled = [_pooled(member, part) for member in looks]
        weights = [torch.zeros(z.shape[1], y.shape[1], device=self.device) for z in pooled]
        intercept = [torch.zeros(y.shape[1], device=self.device) for _ in pooled]
        held = np.full(tuple(y.shape), np.nan)
        penalties = np.ones(y.shape[1])
        for known, units in by_missing(np.asarray(y.cpu())):
            columns = torch.as_tensor(units, device=self.device)
            some = y[:, columns]
            masked = [Fold(np.intersect1d(f.train, known), np.intersect1d(f.test, known)) for f in folds]
            chosen = self._penalties(pooled, some, masked)
            penalties[units] = chosen.cpu().numpy()
            for k, z in enumerate(pooled):
                if len(masked[k].train):
                    w, b = weights_of(chosen, z[masked[k].train], some[masked[k].train])
                    held[np.ix_(folds[k].test, units)] = (z[folds[k].test] @ w + b).cpu().numpy()
                w, b = weights_of(chosen, z[known], some[known])
                weights[k][:, columns], intercept[k][columns] = w, b
        members = tuple(Member(*m) for m in zip(looks, weights, intercept, strict=True))
        return members, held, penalties

    def _looks(self, part: Part, fold: Fold, seed: int) -> Looks:
        # The seed knows nothing of other regions, so a region is fitted alike alone and beside others.
        generator = torch.Generator().manual_seed(seed)
        positions, channels = part.inputs[0].shape[1:]
        queries = min(self.queries, positions)
        keys = torch.randn(queries, channels, generator=generator) / np.sqrt(channels)
        train, held = (torch.as_tensor(rows, device=self.device) for rows in fold)
        return train_looks(
            Looks(keys.to(self.device), torch.zeros(queries, positions, device=self.device)),
            part.take(train),
            part.take(held),
            rate=self.rate,
            decay=self.decay,
            epochs=self.epochs,
            patience=self.patience,
            batch=self.batch,
            generator=generator,
        )

    def _penalties(self, pooled: Sequence[Tensor], y: Tensor, folds: Sequence[Fold]) -> Tensor:
        errors = torch.zeros(len(self.penalties), y.shape[1], dtype=torch.float64, device=self.device)
        for z, (train, test) in zip(pooled, folds, strict=True):
            if len(train) and len(test):
                errors += errors_of(self.penalties, z[train], y[train], z[test], y[test])
        grid = torch.tensor(self.penalties, dtype=torch.float64, device=self.device)
        return grid[errors.argmin(dim=0)]


def _pooled(looks: Looks, part: Part) -> Tensor:
    pairs = zip(*(torch.split(i, _TOGETHER) for i in part.inputs), strict=True)
    return torch.cat([looks.pooled(x, present) for x, present in pairs])


def _explained(y: Array, held: Array, folds: Sequence[Fold]) -> Array:
    """R2 over the held-out rows of all folds against each fold's training mean, one a unit."""
    errors, total = np.zeros(y.shape[1]), np.zeros(y.shape[1])
    for train, test in folds:
        known = np.isfinite(y[train])
        mean = np.where(known, y[train], 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        errors += np.nansum((y[test] - held[test]) ** 2, axis=0)
        total += np.nansum((y[test] - mean) ** 2, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(held).any(axis=0) & (total > 0), 1 - errors / total, np.nan)
