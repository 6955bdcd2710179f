"""Zero-shot identification of held-out stimuli through a model's features, in both directions.

``identification-...``: responses predicted from features are compared with the measured response of a trial (units standardised by
their training rows, cosine). ``identification-features-...``: a ridge maps the responses of a region to the features of the layer that
the encoding fit chose inside training rows; predicted and real features are compared by cosine about the training mean.
Equal stimuli are one candidate.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.datasets.split import Fold, Split
from gyral.encoding import EncodingScores
from gyral.errors import BadArrays, BadDataset
from gyral.features.features import Features
from gyral.fitting import MEMORY, LayerFits, fit_layers
from gyral.metrics.identification import KINDS, TWO_WAY, Kind, Trials, cosine
from gyral.readouts.ridge import Ridge
from gyral.record import CHOSEN, Row
from gyral.rows import interval_fields, number_or_none, with_q
from gyral.scores.conditional import CALIBRATION_DRAWS, Redraws, calibrated
from gyral.scores.confidence import Interval
from gyral.scores.hierarchy import with_everyone
from gyral.scores.problem import Problem
from gyral.scores.pvalue import SHORTEST_RUN, Null
from gyral.scores.region import ALL, score_blocks
from gyral.scores.resampling import DRAWS, block_weights

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
PREFIX, FEATURES = "identification-", "features-"
# What folds that train on one another's rows add to a spread (`gyral.scores.chance`): of 150 stimuli of noise, standard
# errors are .75 of the truth without it, and 5 to 7 % of p-values are below .05 with it.
_PAIRS_TWICE = 2.0**0.5


def is_identification(metric: str) -> bool:
    """True for the metrics of this module."""
    return metric.startswith(PREFIX)


def reads_features(metric: str) -> bool:
    """True where responses are mapped to features."""
    return metric.removeprefix(PREFIX).startswith(FEATURES)


def kind_of(metric: str) -> Kind:
    """What a metric makes of ranks."""
    return KINDS[metric.removeprefix(PREFIX).removeprefix(FEATURES)]


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
        table = {part.name: Features(part.name, _filled(problem.responses[:, part.units]))}
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
            found[k, number] = fit_layers(table, own, Ridge(), seed=seed, memory=memory).predictions[0]
    return Turned({k: layers[k] for k, _ in found}, found)


def score_identification(
    encoded: EncodingScores,
    fits: Sequence[LayerFits],
    problem: Problem,
    *,
    readout: str,
    metric: str,
    hashes: Sequence[str],
    turned: Sequence[Turned] = (),
    seed: int = 0,
) -> EncodingScores:
    """Rows of identification in place of those of encoding.

    Parameters
    ----------
    encoded : EncodingScores
        Of the same fits; units, predictions and maps are kept.
    fits : sequence of LayerFits
        One a model draw.
    problem : Problem
    readout, metric : str
    hashes : sequence of str, one a sample
        Content of the stimuli; equal ones are one candidate.
    turned : sequence of Turned
        One a model draw, for the metrics of `reads_features`.
    seed : int
        Of redraws and permutations.

    Raises
    ------
    BadDataset
        A held-out stimulus stands in training, too (``duplicate-across-split``), no region has a pattern of two units
        (``no-pattern``), or there are too few candidates for the metric (``too-few-candidates``).
    """
    folds = distinct_folds(problem.split, hashes)
    kind = kind_of(metric)
    both = reads_features(metric)
    rows: list[Row] = []
    kept: list[Floats] = []
    refused: list[str] = []
    for region in problem.regions:
        picks = [fit.picks(problem, region) for fit in fits]
        asked = [(CHOSEN, picks)]
        if not both:
            asked += [(name, [[k] * len(folds)] * len(fits)) for k, name in enumerate(fits[0].layers)]
        for layer, used in asked:
            trials: list[list[Trials]] = []  # subjects x draws
            names: list[str] = []
            for units in problem.members(region):
                mine = region.units[units]
                subject = str(problem.subject_of[mine[0]])
                own: list[Trials | None]
                if both:
                    number = next(n for n, p in enumerate(problem.parts) if p.path == (region.name, subject))
                    own = [_turned(t, number, p, folds) for t, p in zip(turned, used, strict=True)]
                else:
                    own = [
                        _forward(problem, fit, mine, p, folds, hashes) for fit, p in zip(fits, used, strict=True)
                    ]
                known = [t for t in own if t is not None]
                if len(known) == len(own):
                    trials.append(known)
                    names.append(subject)
            if not trials:
                refused.append(region.name)
                continue
            won = Counter(fit.layers[k] for fit, p in zip(fits, used, strict=True) for k in p)
            made, deviations = _rows(
                problem, region, trials, names, kind, layer=layer, readout=readout, metric=metric, seed=seed,
                layers_chosen=dict(won) if layer == CHOSEN else {},
            )  # fmt: skip
            rows += made
            if layer == CHOSEN:
                kept.append(deviations)
    if not rows:
        raise BadDataset(
            f"{', '.join(dict.fromkeys(refused))}: identification needs the responses of two or more units at a time.",
            where=f"metric {metric!r}",
            mend="Use 'pearson', or a dataset with voxels, neurons or sensors.",
            code="no-pattern",
        )
    notes = [
        f"{name} has no pattern of two or more units: nothing is identified from it"
        for name in dict.fromkeys(refused)
    ]
    return replace(
        encoded,
        rows=with_q(rows),
        redraws=np.concatenate(kept, axis=1).astype(np.float32),
        warnings=(*encoded.warnings, *notes),
    )


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


def _forward(
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


def _turned(turned: Turned, part: int, picks: Sequence[int], folds: Sequence[Fold]) -> Trials | None:
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


def _rows(
    problem: Problem,
    region: Region,
    trials: Sequence[Sequence[Trials]],
    names: Sequence[str],
    kind: Kind,
    *,
    layer: str,
    readout: str,
    metric: str,
    layers_chosen: dict[str, int],
    seed: int,
) -> tuple[list[Row], Floats]:
    try:
        trials[0][0].require(kind)
    except BadArrays as error:
        raise BadDataset(error.what, where=f"metric {metric!r}", mend=error.mend, code=error.code) from None
    values = np.array([np.mean([t.value(kind) for t in own]) for own in trials])
    found = _redraws(problem, trials, values, kind, seed)
    several = len(trials) > 1
    intervals: list[Interval]
    if several:
        found, intervals = with_everyone(found)
    else:
        intervals = found.intervals()
    p, null = _chance(problem, [own[0] for own in trials], kind, seed) if len(trials[0]) == 1 else (None, None)
    members = [list(names), *([n] for n in names)] if several else [list(names)]
    sizes = {str(s): int((problem.subject_of[region.units] == s).sum()) for s in names}
    drawn = np.array([[t.value(kind) for t in own] for own in trials])
    spreads = [drawn.mean(axis=0), *drawn] if several else [drawn[0]]
    summaries = [[own[0].summary()] for own in trials]
    told = [[s[0] for s in summaries], *summaries] if several else [summaries[0]]
    rows = []
    for i, (own, interval) in enumerate(zip(members, intervals, strict=True)):
        each = told[i]
        rows.append(
            Row(
                region=region.name,
                subject=ALL if i == 0 else own[0],
                layer=layer,
                readout=readout,
                metric=metric,
                **interval_fields(interval),
                chance=kind.chance(trials[0][0].candidates),
                identification={key: float(np.mean([s[key] for s in each])) for key in each[0]},
                p=None if p is None else number_or_none(p[i]),
                null_kind=null,
                n_units=sum(sizes[n] for n in own),
                n_samples=int(sum(len(r) for r in trials[0][0].rows)),
                spread=number_or_none(float(np.std(spreads[i], ddof=1))) if len(trials[0]) > 1 else None,
                layers_chosen=layers_chosen,
            )
        )
    return rows, found.drawn - found.values


def _redraws(
    problem: Problem, trials: Sequence[Sequence[Trials]], values: Floats, kind: Kind, seed: int
) -> Redraws:
    """Redraws of blocks of stimuli, the same for all models, erring to the wide side."""
    blocks, _ = score_blocks(problem)
    block_of = np.zeros(len(problem.responses), np.int64)
    for k, rows in enumerate(blocks):
        block_of[rows] = k
    weights = next(iter(block_weights(len(blocks), DRAWS, seed)))[:, block_of]
    left = (1 - np.eye(len(blocks)))[:, block_of]

    def mean(kind: Kind, w: NDArray[np.number[Any]]) -> Floats:
        return np.stack([np.mean([t.under(kind, w) for t in own], axis=0) for own in trials], axis=1)

    drawn = mean(kind, weights)
    # A median or a top-k moves too little without one block to say how it spreads.
    found = calibrated(values, drawn, mean(TWO_WAY, weights[:CALIBRATION_DRAWS]), mean(TWO_WAY, left), seed=seed)
    # The most that folds which train on one another's rows hide from redraws (`gyral.scores.pairs`).
    return found.wider(np.full(len(values), _PAIRS_TWICE if len(problem.split.folds) > 1 else 1.0))


def _chance(
    problem: Problem, trials: Sequence[Trials], kind: Kind, seed: int
) -> tuple[Floats | None, Null | None]:
    """p of the mean over subjects (where several) and of each: trials are given the candidates of others."""
    sizes = [len(rows) for rows in trials[0].rows]
    rng = np.random.default_rng([seed, 0x1DE7])
    null: Null = "permutation" if problem.exchangeable else "shift"
    if null == "shift" and min(sizes) < SHORTEST_RUN:
        return None, None
    orders = []
    for _ in range(DRAWS):
        if null == "permutation":
            orders.append([rng.permutation(n) for n in sizes])
        else:
            least = [max(1, -(-n // 10)) for n in sizes]
            turns = [int(rng.integers(a, n - a + 1)) for n, a in zip(sizes, least, strict=True)]
            orders.append([np.roll(np.arange(n), t) for n, t in zip(sizes, turns, strict=True)])
    values = np.array([t.value(kind) for t in trials])
    nulls = np.stack([t.null(kind, orders) for t in trials], axis=1)  # draws x subjects
    if len(trials) > 1:
        values = np.concatenate([[values.mean()], values])
        nulls = np.concatenate([nulls.mean(axis=1, keepdims=True), nulls], axis=1)
    if len(problem.split.folds) > 1:
        centre = nulls.mean(axis=0)
        nulls = centre + _PAIRS_TWICE * (nulls - centre)
    return (1 + (nulls >= values - 1e-12).sum(axis=0)) / (1 + len(nulls)), null


def _filled(table: Array) -> Array:
    """A masked sample of a unit says nothing: it gets the unit's mean."""
    there = np.isfinite(table)
    if there.all():
        return np.asarray(table, np.float32)
    mean = np.where(there, table, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.where(there, table, mean).astype(np.float32)


def _safe(spread: Floats) -> Floats:
    return np.where(spread > 0, spread, 1.0)
