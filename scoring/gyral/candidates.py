"""Candidates: what each held-out trial is compared with, for identification in both directions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.datasets.responses import filled
from gyral.datasets.split import Fold, Split
from gyral.errors import BadDataset
from gyral.features.features import Features
from gyral.fitting import MEMORY, LayerFits, fit_layers
from gyral.metrics.identification import Trials, cosine
from gyral.readouts.ridge import Ridge
from gyral.scores.pairs import twice_beyond
from gyral.scores.problem import Problem

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Turned:
    """From responses to features.

    Parameters
    ----------
    real : dict of layer to array, samples x features
    predicted : dict of (layer, part of `Problem.parts`) to array, samples x features
        Out of fold, of the layers that some fold chose.
    """

    real: Mapping[int, Array]
    predicted: Mapping[tuple[int, int], Array]


def turned_around(
    fits: LayerFits, features: Mapping[str, Features], problem: Problem, *, seed: int = 0, memory: int = MEMORY
) -> Turned:
    """Map the responses of each part to the features of the layers chosen for its region.

    Raises
    ------
    BadDataset
        The readout reads all layers together (``no-layer``).
    """
    if any(name not in features for name in fits.layers):
        raise BadDataset(
            "this readout reads all layers together, so that no layer is chosen whose features could be predicted.",
            where="readout",
            mend="Use 'ridge', or an identification metric without 'features'.",
            code="no-layer",
        )
    found: dict[tuple[int, int], Array] = {}
    layers = [features[name].flat() for name in fits.layers]
    for number, part in enumerate(problem.parts):
        region = next(r for r in problem.regions if r.name == part.path[0])
        table = {part.name: Features(part.name, filled(problem.responses[:, part.units]))}
        for k in sorted(set(fits.picks(problem, region))):
            target = np.asarray(layers[k], np.float32)
            every = Region("features", np.arange(target.shape[1]))
            own = Problem(
                target,
                problem.split,
                (every,),
                np.full(target.shape[1], "model"),
                None,
                exchangeable=problem.exchangeable,
            )
            turned = fit_layers(table, own, Ridge(), seed=seed, memory=memory)
            found[k, number] = turned.predictions[0]
    return Turned({k: layers[k] for k, _ in found}, found)


def forward_share(
    problem: Problem, fit: LayerFits, region: Region, units: NDArray[np.integer[Any]], picks: Sequence[int]
) -> float:
    """What predictions of a subject's units (positions in the region) owe to the rows they were trained on, mean over units."""
    p, gains = fit.assembled(problem, region, picks), fit.gains(region, picks)
    shares = twice_beyond(problem, region, None, p, gains)[units]
    known = shares[np.isfinite(shares)]
    return float(known.mean()) if len(known) else 0.0


def distinct_folds(split: Split, hashes: Sequence[str]) -> tuple[Fold, ...]:
    """Folds whose held-out rows are the first of each stimulus.

    Raises
    ------
    BadDataset
        A stimulus stands on both sides of a fold (``duplicate-across-split``).
    """
    _, codes = np.unique(np.asarray(hashes), return_inverse=True)
    folds = []
    for number, fold in enumerate(split.folds):
        shared = np.intersect1d(codes[fold.train], codes[fold.test])
        if shared.size:
            both = np.flatnonzero(np.isin(codes, shared))[:3].tolist()
            raise BadDataset(
                f"{len(shared)} stimuli held out in fold {number + 1} stand in its training rows, too, such as rows {both!r}: "
                "they would be recognised, not identified.",
                where=f"split {split.name!r}",
                mend="Put equal stimuli in one group.",
                code="duplicate-across-split",
            )
        _, first = np.unique(codes[fold.test], return_index=True)
        folds.append(Fold(fold.train, fold.test[np.sort(first)]))
    return tuple(folds)


def forward_trials(
    problem: Problem,
    fit: LayerFits,
    units: NDArray[np.integer[Any]],
    picks: Sequence[int],
    folds: Sequence[Fold],
    hashes: Sequence[str],
) -> Trials | None:
    """Measured responses against predicted ones; None where fewer than two units are whole."""
    _, codes = np.unique(np.asarray(hashes), return_inverse=True)
    found = []
    for whole, fold, k in zip(problem.split.folds, folds, picks, strict=True):
        y = np.asarray(problem.responses[:, units], np.float64)
        p = np.asarray(fit.predictions[k][np.ix_(fold.test, units)], np.float64)
        known = np.isfinite(y[fold.train])
        some = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, y[fold.train], 0.0).sum(axis=0) / some
        spread = np.sqrt((np.where(known, y[fold.train] - mean, 0.0) ** 2).sum(axis=0) / some)
        measured = np.stack([y[whole.test][codes[whole.test] == codes[row]].mean(axis=0) for row in fold.test])
        use = (spread > 0) & np.isfinite(measured).all(axis=0) & np.isfinite(p).all(axis=0)
        if use.sum() < 2:
            return None
        found.append(cosine(((measured - mean) / _safe(spread))[:, use], ((p - mean) / _safe(spread))[:, use]))
    return Trials(tuple(found), tuple(fold.test for fold in folds))


def turned_trials(turned: Turned, part: int, picks: Sequence[int], folds: Sequence[Fold]) -> Trials | None:
    """Features predicted from responses against real ones."""
    found = []
    for fold, k in zip(folds, picks, strict=True):
        real = np.asarray(turned.real[k], np.float64)
        mean = real[fold.train].mean(axis=0)
        guess = np.asarray(turned.predicted[k, part][fold.test], np.float64)
        use = np.isfinite(guess).all(axis=0)
        if use.sum() < 2:
            return None
        found.append(cosine((guess - mean)[:, use], (real[fold.test] - mean)[:, use]))
    return Trials(tuple(found), tuple(fold.test for fold in folds))


def _safe(spread: Floats) -> Floats:
    return np.where(spread > 0, spread, 1.0)
