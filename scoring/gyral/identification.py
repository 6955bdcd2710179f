"""Zero-shot identification of held-out stimuli through a model's features, in both directions.

``identification-...``: responses predicted from features are compared with the measured response of a trial (units standardised by
their training rows, cosine). ``identification-features-...``: a ridge maps the responses of a region to the features of the layer that
the encoding fit chose inside training rows; predicted and real features are compared by cosine about the training mean.
Equal stimuli are one candidate.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.candidates import Turned, distinct_folds, forward_share, forward_trials, turned_trials
from gyral.datasets.region import Region
from gyral.encoding import EncodingScores
from gyral.errors import BadArrays, BadDataset
from gyral.fitting import LayerFits
from gyral.metrics.identification import KINDS, TWO_WAY, Kind, Trials
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
# What predicted features owe to the rows they were trained on is taken to be all: by the rule of responses 88 % of intervals cover
# where rows hang together in time and the signal is strong, so 92 %, and 96 over all designs (`tests/benchmarks/coverage.py identified`).
_SHARE_OF_FEATURES = 1.0


def is_identification(metric: str) -> bool:
    """True for the metrics of this module."""
    return metric.startswith(PREFIX)


def reads_features(metric: str) -> bool:
    """True where responses are mapped to features."""
    return metric.removeprefix(PREFIX).startswith(FEATURES)


def kind_of(metric: str) -> Kind:
    """What a metric makes of ranks."""
    return KINDS[metric.removeprefix(PREFIX).removeprefix(FEATURES)]


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
            shares: list[float] = []  # what predictions owe to the rows they were trained on
            for units in problem.members(region):
                mine = region.units[units]
                subject = str(problem.subject_of[mine[0]])
                own: list[Trials | None]
                if both:
                    number = next(n for n, p in enumerate(problem.parts) if p.path == (region.name, subject))
                    own = [turned_trials(t, number, p, folds) for t, p in zip(turned, used, strict=True)]
                    share = _SHARE_OF_FEATURES
                else:
                    own = [
                        forward_trials(problem, fit, mine, p, folds, hashes)
                        for fit, p in zip(fits, used, strict=True)
                    ]
                    share = float(
                        np.mean(
                            [
                                forward_share(problem, fit, region, units, p)
                                for fit, p in zip(fits, used, strict=True)
                            ]
                        )
                    )
                known = [t for t in own if t is not None]
                if len(known) == len(own):
                    trials.append(known)
                    names.append(subject)
                    shares.append(share)
            if not trials:
                refused.append(region.name)
                continue
            won = Counter(fit.layers[k] for fit, p in zip(fits, used, strict=True) for k in p)
            made, deviations = _rows(
                problem, region, trials, names, shares, kind, layer=layer, readout=readout, metric=metric, seed=seed,
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


def _rows(
    problem: Problem,
    region: Region,
    trials: Sequence[Sequence[Trials]],
    names: Sequence[str],
    shares: Sequence[float],
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
    found = trial_redraws(problem, trials, values, kind, seed).wider(np.sqrt(1 + np.array(shares)))
    several = len(trials) > 1
    intervals: list[Interval]
    if several:
        found, intervals = with_everyone(found)
    else:
        intervals = found.intervals()
    intervals = [no_finer_than_ranks(own, kind, trials[0][0].candidates) for own in intervals]
    p, null = _chance(problem, [own[0] for own in trials], kind, seed) if len(trials[0]) == 1 else (None, None)
    members = [list(names), *([n] for n in names)] if several else [list(names)]
    sizes = {str(s): int((problem.subject_of[region.units] == s).sum()) for s in names}
    drawn = np.array([[t.value(kind) for t in own] for own in trials])
    spreads = [drawn.mean(axis=0), *drawn] if several else [drawn[0]]
    summaries = [_mean([t.summary() for t in own]) for own in trials]
    told = [_mean(summaries), *summaries] if several else summaries
    rows = []
    for i, (own, interval) in enumerate(zip(members, intervals, strict=True)):
        rows.append(
            Row(
                region=region.name,
                subject=ALL if i == 0 else own[0],
                layer=layer,
                readout=readout,
                metric=metric,
                **interval_fields(interval),
                chance=kind.chance(trials[0][0].candidates),
                identification=told[i],
                p=None if p is None else number_or_none(p[i]),
                null_kind=null,
                n_units=sum(sizes[n] for n in own),
                n_samples=int(sum(len(r) for r in trials[0][0].rows)),
                spread=number_or_none(float(np.std(spreads[i], ddof=1))) if len(trials[0]) > 1 else None,
                layers_chosen=layers_chosen,
            )
        )
    return rows, found.drawn - found.values


def _mean(summaries: Sequence[dict[str, float]]) -> dict[str, float]:
    """Over draws of an untrained twin, or over subjects."""
    return {key: float(np.mean([s[key] for s in summaries])) for key in summaries[0]}


def trial_redraws(
    problem: Problem, trials: Sequence[Sequence[Trials]], values: Floats, kind: Kind, seed: int
) -> Redraws:
    """Redraws of blocks of stimuli, the same for all models, of fixed maps: not widened (`gyral.scores.pairs`)."""
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
    return calibrated(values, drawn, mean(TWO_WAY, weights[:CALIBRATION_DRAWS]), mean(TWO_WAY, left), seed=seed)


def no_finer_than_ranks(interval: Interval, kind: Kind, candidates: Floats) -> Interval:
    """An interval of a median rank, at least one rank to either side; of other kinds as it is.

    A median moves in whole or half ranks: where most trials are recognised outright no redraw moves it, and without this 29 % of
    intervals cover (`tests/benchmarks/coverage.py identified`, features from responses, signal .3).
    """
    if kind.name != "rank":
        return interval
    step = 1 / (float(candidates.min()) - 1)
    low, high = min(interval.low, interval.value - step), max(interval.high, min(interval.value + step, 1.0))
    return replace(interval, low=low, high=high)


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
