"""Similarity: compare each layer's RDM with the RDMs of regions.

A region's score is the mean over subjects of the similarity between the model's RDM and the subject's RDM averaged
over sessions. The ``chosen`` layer is picked per fold on pairs of training stimuli (mean over subjects) and scored on the
pairs that involve a held-out stimulus; single layers are scored on all pairs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.responses import RegionRdms
from gyral.datasets.split import Split
from gyral.features.features import Features
from gyral.metrics import METRICS
from gyral.progress import Progress, silent
from gyral.record import CHOSEN, Row
from gyral.rows import interval_fields, number_or_none, with_q
from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.bounds import bound_intervals
from gyral.rsa.comparator import PairSums, Product
from gyral.rsa.inference import pair_redraws, pooled_interval
from gyral.rsa.partial import mean_over_folds
from gyral.rsa.permutation import permutation_p, with_mean
from gyral.rsa.rdm import correlation_rdm
from gyral.rsa.vector import condensed
from gyral.scores.conditional import Redraws
from gyral.scores.region import ALL
from gyral.scores.resampling import DRAWS

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Of single layers, which are many; chosen ones have `gyral.scores.resampling.DRAWS`.
LAYER_DRAWS = 400


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which pairs of stimuli a fold chooses by and which it is scored on.

    Parameters
    ----------
    training, held_out : list of bool array, pairs
        Both stimuli in training; at least one held out.
    """

    training: list[NDArray[np.bool_]]
    held_out: list[NDArray[np.bool_]]

    @classmethod
    def of(cls, split: Split, samples: int) -> "Pairs":
        """Pairs of every fold of a split."""
        first, second = np.triu_indices(samples, 1)
        held = []
        for fold in split.folds:
            tested = np.zeros(samples, bool)
            tested[fold.test] = True
            held.append(tested[first] | tested[second])
        return cls([~h for h in held], held)


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
    """

    rows: list[Row]
    subjects: pd.DataFrame
    redraws: Array
    picks: dict[str, list[int]]


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Scores of the subjects of one region with the layers chosen in each fold."""

    values: Floats  # model draws x subjects
    picks: list[list[int]]  # model draws x folds
    redraws: Redraws


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
    seed: int = 0,
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
    seed : int
        Of redraws and permutations.
    """
    problem = _Problem(layers, models, measured, split, METRICS.load(metric), exchangeable, seed)
    rows: list[Row] = []
    tables, redraws = [], []
    picked = {region.region: problem.chosen(region) for region in measured.values()}
    chance = problem.chance(picked)
    for region in measured.values():
        chosen = picked[region.region]
        mean = chosen.values.mean(axis=0)
        lower, upper = bound_intervals(problem.subjects[region.region], problem.comparator, seed=seed)
        bounded = bool(np.isfinite(upper.value))
        common: dict[str, Any] = {
            "region": region.region,
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
        won = dict(Counter(layers[k] for picks in chosen.picks for k in picks))
        rows += _chosen_rows(region, chosen, chance[region.region], common | {"layers_chosen": won})
        rows += problem.layer_rows(region, common)
        every = chosen.redraws.with_mean() if len(mean) > 1 else chosen.redraws
        redraws.append(every.drawn - every.values)
        tables.append(
            pd.DataFrame({"region": region.region, "subject": region.subjects, "unit": range(len(mean)), "r": mean,
                          "r2": np.nan, "ceiling": upper.value, "ceiled": np.nan})
        )  # fmt: skip
    units = pd.concat(tables, ignore_index=True)
    picks = {name: chosen.picks[0] for name, chosen in picked.items()}
    return SimilarityScores(with_q(rows), units, np.concatenate(redraws, axis=1).astype(np.float32), picks)


def _chosen_rows(region: RegionRdms, chosen: _Chosen, chance: Floats, common: dict[str, Any]) -> list[Row]:
    """All subjects, then each where there are several (which have no bounds of their own)."""
    count = len(region.subjects)
    intervals = [pooled_interval(chosen.redraws)]
    owners, values = [np.arange(count)], [chosen.values.mean(axis=1)]
    names, fields = [ALL], [common]
    if count > 1:
        alone = {
            **dict.fromkeys(name for name in common if name.startswith("ceiling")),
            "ceiling_kind": "none",
        }
        intervals += chosen.redraws.intervals()
        owners += [np.array([k]) for k in range(count)]
        values += list(chosen.values.T)
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


class _Problem:
    """What all regions share: the models' RDMs ranked once, and one set of redraws of the stimuli."""

    def __init__(
        self,
        layers: tuple[str, ...],
        models: Sequence[Array],
        measured: Mapping[str, RegionRdms],
        split: Split,
        comparator: Product,
        exchangeable: bool,
        seed: int,
    ) -> None:
        self.layers, self.models, self.comparator, self.seed = layers, models, comparator, seed
        self.subjects = {k: condensed(np.asarray(r.values, np.float64).mean(axis=1)) for k, r in measured.items()}
        self.samples = next(iter(measured.values())).values.shape[-1]
        self.pairs = Pairs.of(split, self.samples)
        self.exchangeable = exchangeable and len(models) == 1
        self.counts = draw_counts(self.samples, DRAWS, seed)
        self.without = 1 - np.eye(self.samples)
        everyone = np.concatenate(list(self.subjects.values()))
        ends = np.cumsum([len(s) for s in self.subjects.values()])
        self.places = dict(zip(self.subjects, np.split(np.arange(len(everyone)), ends[:-1]), strict=True))
        self.alone = np.stack([comparator.similarity(everyone, m) for m in models])  # draws x subjects x layers
        stacked = np.concatenate(list(models))
        counts = np.concatenate([self.counts[:LAYER_DRAWS], self.without])
        found = comparator.redrawn(everyone, stacked, counts)
        found = found.reshape(len(counts), len(everyone), len(models), len(layers)).mean(axis=2)
        self.drawn, self.left_out = found[: -self.samples], found[-self.samples :]

    def layer_rows(self, region: RegionRdms, common: dict[str, Any]) -> list[Row]:
        """One row a layer, all subjects, on all pairs."""
        mine = self.places[region.region]
        rows = []
        for k, layer in enumerate(self.layers):
            values = self.alone[:, mine, k]
            (found,) = pair_redraws(
                values.mean(axis=0)[:, None],
                self.drawn[:, mine, k : k + 1],
                self.left_out[:, mine, k : k + 1],
                seed=self.seed,
            )
            drawn = values.mean(axis=1)
            spread = number_or_none(float(np.std(drawn, ddof=1))) if len(drawn) > 1 else None
            fields = interval_fields(pooled_interval(found))
            rows.append(Row(subject=ALL, layer=layer, n_units=len(mine), spread=spread, **fields, **common))
        return rows

    def chosen(self, region: RegionRdms) -> _Chosen:
        """Choose in each fold, and score what it holds out."""
        subjects = self.subjects[region.region]
        folds = list(zip(self.pairs.training, self.pairs.held_out, strict=True))
        sizes = np.array([held.sum() for _, held in folds])
        picks = [
            [int(self.comparator.similarity(subjects[:, t], m[:, t]).mean(axis=0).argmax()) for t, _ in folds]
            for m in self.models
        ]
        values = np.stack([
            sum(n * self.comparator.similarity(subjects[:, held], m[[k]][:, held])[:, 0]
                for k, n, (_, held) in zip(pick, sizes, folds, strict=True)) / sizes.sum()
            for m, pick in zip(self.models, picks, strict=True)
        ])  # fmt: skip
        counts = np.concatenate([self.counts, self.without])
        parts = []
        for f, (_, held) in enumerate(folds):
            winners = np.stack([m[pick[f]] for m, pick in zip(self.models, picks, strict=True)])
            part = self.comparator.redrawn(subjects, winners, counts, held).mean(axis=2)
            parts.append((PairSums(counts, len(held), held).total, part))
        found = mean_over_folds(parts)[:, :, None]
        (redraws,) = pair_redraws(
            values.mean(axis=0)[:, None], found[: -self.samples], found[-self.samples :], seed=self.seed
        )
        return _Chosen(values, picks, redraws)

    def chance(self, chosen: Mapping[str, _Chosen]) -> dict[str, Floats]:
        """p of "all" and of each subject of each region; NaN of twins, and where stimuli are in an order."""
        if not self.exchangeable:
            return {name: np.full_like(with_mean(c.values[0]), np.nan) for name, c in chosen.items()}
        picks = {name: c.picks[0] for name, c in chosen.items()}
        return permutation_p(
            self.comparator, self.subjects, self.models[0], picks, self.pairs.held_out, seed=self.seed
        )
