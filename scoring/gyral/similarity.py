"""Similarity: compare each layer's RDM with the RDMs of regions.

A region's score is the mean over subjects of the similarity between the model's RDM and the subject's RDM averaged
over sessions. The ``chosen`` layer is picked per fold on pairs of training stimuli (mean over subjects) and scored on the
pairs that involve a held-out stimulus; single layers are scored on all pairs.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.curves import Curve
from gyral.datasets.responses import RegionRdms
from gyral.datasets.split import Split
from gyral.features.features import Features
from gyral.metrics import METRICS
from gyral.progress import Progress, silent
from gyral.rdm_problem import RdmProblem, Scored
from gyral.record import CHOSEN, Row
from gyral.rows import interval_fields, number_or_none, with_q
from gyral.rsa.bounds import bound_intervals
from gyral.rsa.inference import pair_redraws, pooled_interval
from gyral.rsa.permutation import permutation_p
from gyral.rsa.rdm import correlation_rdm
from gyral.scores.conditional import Redraws
from gyral.scores.region import ALL
from gyral.scores.resampling import DRAWS
from gyral.similarity_curves import similarity_curves

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Of single layers, which are many; chosen ones have `gyral.scores.resampling.DRAWS`.
LAYER_DRAWS = 400


@dataclass(frozen=True, eq=False)
class SimilarityScores:
    """What the RDMs of one model, or of all draws of a twin, come to.

    Parameters
    ----------
    rows : list of Row
        Each region: the chosen layers (all subjects, then each where there are several), and each layer.
    subjects : DataFrame
        One row per region and subject, chosen layers.
    redraws : array, redraws x chosen rows
        Deviations from their values, float32.
    picks : dict of region to list of int
        Layer that each fold chose, of the first model.
    curves : tuple of Curve
        Of each region, where there are RDMs at every time.
    """

    rows: list[Row]
    subjects: pd.DataFrame
    redraws: Array
    picks: dict[str, list[int]]
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, eq=False)
class Series:
    """RDMs at every time.

    Parameters
    ----------
    times : tuple of float
        Seconds after stimulus onset.
    of : callable
        RDMs of a region: subjects x times x pairs.
    """

    times: tuple[float, ...]
    of: Callable[[RegionRdms], Floats]


def layer_rdms(
    features: Mapping[str, Features], *, progress: Progress = silent, step: str = "rdms"
) -> tuple[tuple[str, ...], Array]:
    """Condensed correlation RDM of each layer: names, layers x pairs."""
    out = []
    for k, layer in enumerate(features.values()):
        progress(step, k, len(features))
        out.append(correlation_rdm(layer.flat()))
    progress(step, len(features), len(features))
    return tuple(features), np.stack(out)


def score_similarity(
    layers: tuple[str, ...],
    models: Sequence[Array],
    measured: Mapping[str, RegionRdms],
    split: Split,
    *,
    metric: str,
    exchangeable: bool = False,
    series: Series | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> SimilarityScores:
    """Score the layers of a model against every region.

    Parameters
    ----------
    layers : tuple of str
    models : sequence of array, layers x pairs
        One a draw (one for a model, five for a twin).
    measured : dict of region to RegionRdms
    split : Split
        Folds over stimuli for the choice of layer.
    metric : str
        One of `gyral.benchmarks.benchmark.METRICS` of RSA.
    exchangeable : bool
        Stimuli are in no order and no groups: then chosen rows of a model have a p-value, by permuting them.
    series : Series, optional
        Where regions have RDMs at every time.
    seed : int
        Of redraws and permutations.
    progress : Progress
    """
    subjects = {name: region.pooled() for name, region in measured.items()}
    comparator = METRICS.load(metric)
    problem = RdmProblem(models, subjects, split, comparator, exchangeable=exchangeable, draws=DRAWS, seed=seed)
    rows: list[Row] = []
    tables, redraws, curves = [], [], []
    picks = {name: problem.picks(name) for name in measured}
    chance = _chance(problem, picks)
    single = problem.whole(np.concatenate(list(subjects.values())), draws=LAYER_DRAWS)
    ends = np.cumsum([len(s) for s in subjects.values()])
    for step, (region, end) in enumerate(zip(measured.values(), ends, strict=True)):
        name, count = region.region, len(region.subjects)
        scored = problem.scored(subjects[name], picks[name])
        chosen = _redraws(scored, seed)
        mean = scored.values.mean(axis=0)
        lower, upper = bound_intervals(subjects[name], comparator, seed=seed)
        bounded = bool(np.isfinite(upper.value))
        common: dict[str, Any] = {
            "region": name,
            "readout": "none",
            "metric": metric,
            "ceiling": number_or_none(upper.value),
            "ceiling_low": number_or_none(upper.low),
            "ceiling_high": number_or_none(upper.high),
            "ceiling_lower": number_or_none(lower.value),
            "ceiling_lower_low": number_or_none(lower.low),
            "ceiling_lower_high": number_or_none(lower.high),
            "ceiling_unit": "r" if bounded else None,
            "ceiling_kind": "rdm-bounds" if bounded else "none",
            "ceiling_rows": "all" if bounded else None,
            "n_samples": problem.samples,
        }
        won = dict(Counter(layers[k] for pick in picks[name] for k in pick))
        rows += _chosen_rows(region, scored.values, chosen, chance[name], common | {"layers_chosen": won})
        mine = slice(end - count, end)
        rows += [_layer_row(layer, one.of(mine), common, seed) for layer, one in zip(layers, single, strict=True)]
        every = chosen.with_mean() if count > 1 else chosen
        redraws.append(every.drawn - every.values)
        tables.append(
            pd.DataFrame({"region": name, "subject": region.subjects, "unit": range(count), "r": mean,
                          "r2": np.nan, "ceiling": upper.value, "ceiled": np.nan})
        )  # fmt: skip
        if series is not None:
            progress("curves", step, len(measured))
            curves += similarity_curves(problem, region, series.of(region), series.times, layers, picks[name])
    return SimilarityScores(
        with_q(rows),
        pd.concat(tables, ignore_index=True),
        np.concatenate(redraws, axis=1).astype(np.float32),
        {name: own[0] for name, own in picks.items()},
        tuple(curves),
    )


def _redraws(scored: Scored, seed: int) -> Redraws:
    """Of each subject."""
    values = scored.values.mean(axis=0)[:, None]
    (found,) = pair_redraws(values, scored.drawn[:, :, None], scored.left_out[:, :, None], seed=seed)
    return found


def _chance(problem: RdmProblem, picks: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, Floats]:
    """p of "all" and of each subject of each region; NaN of twins, and where stimuli are in an order."""
    if not problem.exchangeable:
        return {name: np.full(len(s) + (len(s) > 1), np.nan) for name, s in problem.subjects.items()}
    first = {name: own[0] for name, own in picks.items()}
    return permutation_p(
        problem.comparator, problem.subjects, problem.models[0], first, problem.pairs.held_out, seed=problem.seed
    )


def _layer_row(layer: str, scored: Scored, common: dict[str, Any], seed: int) -> Row:
    """One layer, all subjects, on all pairs."""
    drawn = scored.values.mean(axis=1)
    spread = number_or_none(float(np.std(drawn, ddof=1))) if len(drawn) > 1 else None
    fields = interval_fields(pooled_interval(_redraws(scored, seed)))
    return Row(subject=ALL, layer=layer, n_units=scored.values.shape[1], spread=spread, **fields, **common)


def _chosen_rows(
    region: RegionRdms, similarity: Floats, redraws: Redraws, chance: Floats, common: dict[str, Any]
) -> list[Row]:
    """All subjects, then each where there are several (which have no bounds of their own)."""
    count = len(region.subjects)
    intervals = [pooled_interval(redraws)]
    owners, values = [np.arange(count)], [similarity.mean(axis=1)]
    names, fields = [ALL], [common]
    if count > 1:
        alone = {
            **dict.fromkeys(name for name in common if name.startswith("ceiling")),
            "ceiling_kind": "none",
        }
        intervals += redraws.intervals()
        owners += [np.array([k]) for k in range(count)]
        values += list(similarity.T)
        names, fields = [ALL, *region.subjects], [common] + [common | alone] * count
    return [
        Row(
            subject=name,
            layer=CHOSEN,
            n_units=len(mine),
            spread=number_or_none(float(np.std(drawn, ddof=1))) if len(drawn) > 1 else None,
            p=number_or_none(p),
            null_kind="permutation" if np.isfinite(p) else None,
            **interval_fields(interval),
            **given,
        )
        for name, mine, drawn, interval, p, given in zip(
            names, owners, values, intervals, chance, fields, strict=True
        )
    ]
