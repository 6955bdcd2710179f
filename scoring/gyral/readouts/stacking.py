"""Stacking and ensembles: layers and readouts read together, weighted inside training rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.readouts._runs import FittedRuns, Run, open_bases, runs_of, told
from gyral.readouts._simplex import simplex_weights
from gyral.readouts.readout import Array, FittedReadout, Needs, Readout, Rows


class _Joint:
    """What stacks and ensembles have in common."""

    per_layer: ClassVar[bool] = False
    _bases: tuple[Readout, ...]

    @property
    def needs(self) -> Needs:
        """ "positions" or "tokens" if a family needs them (sentences are then read word by word by all)."""
        return next((b.needs for b in self._bases if b.needs != "features"), "features")

    @property
    def by_region(self) -> bool:
        """True if a family works region by region."""
        return any(b.by_region for b in self._bases)


@dataclass(frozen=True)
class Stacked(_Joint):
    """Every readout on every layer, mixed per unit with weights that are not negative and sum to one.

    For fold j of ``inner`` each run is fitted on that fold's training rows alone, with the other inner folds
    (restricted to those rows, so that groups stay whole) as its own inner folds, and predicts the held-out rows.
    Each unit's weights have the least squared error over all these predictions, which no run was fitted on
    (`gyral.readouts._simplex`); every run that got a weight is then fitted again on all training rows.

    Parameters
    ----------
    readouts : str
        Specifications joined by "+" ("ridge", "ridge+attention"). Layers without what a family needs are left out
        for that family.
    device : str
        "cpu" or "cuda".
    exchangeable : bool
        Told to families that ask whether samples are in no order and in no groups.

    Notes
    -----
    ``inner_r2`` is of mixtures whose weights were fitted without the fold they are tried on; the runs that the
    other folds' predictions come from have seen that fold's responses, which leaves it a trace optimistic.

    References
    ----------
    Wolpert (1992), doi 10.1016/S0893-6080(05)80023-1; Breiman (1996), doi 10.1007/BF00117832; for responses of the
    brain: Lin, Naselaris, Kay & Wehbe (2024), Stacked regressions and structured variance partitioning.
    """

    readouts: str = "ridge"
    device: str = "cpu"
    exchangeable: bool = False
    name: ClassVar[str] = "stack"
    _bases: tuple[Readout, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        bases = open_bases(self.readouts, self.device, self.exchangeable, self.name)
        object.__setattr__(self, "_bases", bases)

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: one run at a time, and predictions of all for one inner fold."""
        return max(b.working_bytes(features, rows, units) for b in self._bases) + 16 * rows * units

    def fit_spaces(
        self,
        spaces: Sequence[Features],
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedRuns:
        """Fit on ``rows``; see `gyral.readouts.readout.JointReadout`.

        Raises
        ------
        BadFeatures
            No layer has what some family needs (``needs-positions``), or features are not finite.
        UserError
            Fewer than three inner folds (``too-few-folds``): nothing could be chosen inside two of them.
        """
        runs = runs_of(self._bases, spaces)
        if len(inner) < 3:
            raise UserError(
                f"{len(inner)} inner folds are too few to stack.",
                where="split",
                mend="Stacking needs three samples or groups in training.",
                code="too-few-folds",
            )

        def fitted(run: Run, rows: Rows, folds: Sequence[Fold]) -> FittedReadout:
            return run.readout.fit(spaces[run.space], responses, rows, folds, regions=regions, seed=seed)

        units = responses.shape[1]
        grams, totals = np.empty((len(inner), units, len(runs), len(runs))), np.empty((len(inner), units))
        for j, fold in enumerate(inner):
            train, test = rows[fold.train], rows[fold.test]
            predicted = [fitted(r, train, _nested(inner, j)).predict(spaces[r.space], test) for r in runs]
            grams[j], totals[j] = _residuals(np.stack(predicted), responses[test], responses[train])
        weights = _weights(grams.sum(axis=0))
        used = np.flatnonzero((weights > 0).any(axis=0))
        fits = tuple((runs[k].space, fitted(runs[k], rows, inner)) for k in used)
        return FittedRuns(
            _mixed_r2(grams, totals),
            told([fit for _, fit in fits]),
            {f"weight:{run.name(spaces)}": w for run, w in zip(runs, weights.T, strict=True)},
            weights[:, used],
            fits,
        )


@dataclass(frozen=True)
class Ensemble(_Joint):
    """One family on every layer and with several seeds; predictions are averaged with weights that sum to one.

    Parameters
    ----------
    readout : str
        Specification of the family.
    seeds : int
        Fits of each layer that differ in nothing but their seed; more than one is for families with anything random.
    weighting : {"softmax", "equal"}
        Weight of each layer for each unit: softmax over layers of ``sharpness`` x inner r, or equal. Seeds of one
        layer share its weight equally.
    sharpness : float
        40 in Adeli, Minni & Kriegeskorte (2025), arXiv 2505.17329. Their weights summed to the number of runs;
        these sum to one, so predictions keep their scale.
    device : str
        "cpu" or "cuda".
    exchangeable : bool
        See `Stacked`.

    Notes
    -----
    Inner r is the signed root of ``inner_r2``, the mean of the seeds'; layers are weighed by the same rows.
    ``inner_r2`` of the ensemble is the weighted mean of its runs': no more than a lower bound, as errors average
    out. It costs one fit a run where `Stacked` costs one more for every inner fold.
    """

    readout: str = "attention"
    seeds: int = 1
    weighting: Literal["softmax", "equal"] = "softmax"
    sharpness: float = 40.0
    device: str = "cpu"
    exchangeable: bool = False
    name: ClassVar[str] = "ensemble"
    _bases: tuple[Readout, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise UserError(f"{self.seeds} seeds are none.", where="readout 'ensemble'", code="bad-readout")
        bases = open_bases(self.readout, self.device, self.exchangeable, self.name)
        if len(bases) > 1:
            raise UserError(
                f"{self.readout!r} names several families.",
                where="readout 'ensemble'",
                mend=f"Mix families with 'stack:readouts={self.readout}'.",
                code="bad-readout",
            )
        object.__setattr__(self, "_bases", bases)

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: one run at a time."""
        return self._bases[0].working_bytes(features, rows, units)

    def fit_spaces(
        self,
        spaces: Sequence[Features],
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedRuns:
        """Fit on ``rows``; see `gyral.readouts.readout.JointReadout`.

        Raises
        ------
        BadFeatures
            No layer has what the family needs (``needs-positions``), or features are not finite.
        """
        runs = runs_of(self._bases, spaces)
        # Seeds of one call differ, and so do those of calls with neighbouring seeds.
        seeds = [seed * self.seeds + s for s in range(self.seeds)]
        fits = [
            (run.space, run.readout.fit(spaces[run.space], responses, rows, inner, regions=regions, seed=s))
            for run in runs
            for s in seeds
        ]
        of_runs = np.stack([fit.inner_r2 for _, fit in fits], axis=1)
        inner_r2 = of_runs.reshape(-1, len(runs), self.seeds).mean(axis=2)
        layers = self._layers(inner_r2)
        return FittedRuns(
            np.where(layers > 0, layers * inner_r2, 0.0 * layers).sum(axis=1),
            told([fit for _, fit in fits]),
            {f"weight:{spaces[run.space].layer}": w for run, w in zip(runs, layers.T, strict=True)},
            np.repeat(layers, self.seeds, axis=1) / self.seeds,
            tuple(fits),
        )

    def _layers(self, inner_r2: Array) -> Array:
        """Weights of the layers: units x layers, rows sum to one; NaN for a unit that no layer has a fit of."""
        known = np.isfinite(inner_r2)
        r = np.where(known, np.sign(inner_r2) * np.sqrt(np.abs(inner_r2)), -np.inf)
        best = np.where(known.any(axis=1), r.max(axis=1), 0.0)[:, None]
        sharpness = self.sharpness if self.weighting == "softmax" else 0.0
        raw = np.where(known, np.exp(sharpness * np.where(known, r - best, 0.0)), 0.0)
        total = raw.sum(axis=1, keepdims=True)
        return np.asarray(raw / np.where(total > 0, total, np.nan))


def _nested(inner: Sequence[Fold], left_out: int) -> list[Fold]:
    """The other inner folds inside the training rows of one, as positions within those."""
    within = np.full(1 + max(int(part.max()) for fold in inner for part in fold), -1)
    train = inner[left_out].train
    within[train] = np.arange(len(train))
    out = []
    for k, fold in enumerate(inner):
        parts = [within[part] for part in fold]
        parts = [part[part >= 0] for part in parts]
        if k != left_out and all(len(part) for part in parts):
            out.append(Fold(*parts))
    return out


def _residuals(predicted: Array, measured: Array, trained: Array) -> tuple[Array, Array]:
    """Inner products of the runs' residuals (units x runs x runs), and squares around the training mean (units).

    Parameters
    ----------
    predicted : array, runs x samples x units
        NaN where a run has no fit of a unit; that unit then counts no sample.
    measured, trained : array, samples x units
        Responses held out and trained on.
    """
    target = np.asarray(measured, np.float64)
    residuals = target - predicted
    known = np.isfinite(residuals).all(axis=0)
    by_unit = np.where(known, residuals, 0.0).transpose(2, 0, 1)
    there = np.isfinite(trained)
    mean = np.where(there, trained, 0.0).sum(axis=0, dtype=np.float64) / np.maximum(there.sum(axis=0), 1)
    total = (np.where(known, target - mean, 0.0) ** 2).sum(axis=0)
    return by_unit @ by_unit.transpose(0, 2, 1), total


def _weights(gram: Array) -> Array:
    """Simplex weights: units x runs; NaN for units without any residual."""
    out = np.full(gram.shape[:2], np.nan)
    known = np.einsum("ukk->u", gram) > 0
    out[known] = simplex_weights(gram[known])
    return out


def _mixed_r2(grams: Array, totals: Array) -> Array:
    """R2 over all folds of mixtures whose weights were fitted without the fold they are tried on."""
    errors = np.zeros(totals.shape[1])
    for gram in grams:
        w = _weights(grams.sum(axis=0) - gram)
        errors += np.einsum("uk,ukl,ul->u", w, gram, w)
    total = totals.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, 1 - errors / total, np.nan)
