"""Similarity: compare each layer's RDM with the RDMs of regions.

A region's score is the mean over subjects of rho-a between the model's RDM and the subject's RDM averaged
over sessions. The ``chosen`` layer is picked per fold on pairs of training stimuli (mean rho-a over
subjects) and scored on the pairs that involve a held-out stimulus; single layers are scored on all pairs.
Intervals resample stimuli, weighting pair (i, j) by how often i and j were drawn.
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
from gyral.metrics.rsa import bounds, centred_ranks, condensed, correlation_rdm
from gyral.progress import Progress, silent
from gyral.record import CHOSEN, Row
from gyral.scores.interval import DRAWS, around

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which pairs of stimuli a fold chooses by and which it is scored on.

    Parameters
    ----------
    training : list of int array
        Positions in the condensed RDM with both stimuli in training.
    held_out : list of int array
        Positions with at least one stimulus held out.
    """

    training: list[NDArray[np.int64]]
    held_out: list[NDArray[np.int64]]

    @classmethod
    def of(cls, split: Split, samples: int) -> "Pairs":
        """Pairs of every fold of a split."""
        first, second = np.triu_indices(samples, 1)
        training, held = [], []
        for fold in split.folds:
            tested = np.zeros(samples, bool)
            tested[fold.test] = True
            touched = tested[first] | tested[second]
            training.append(np.flatnonzero(~touched))
            held.append(np.flatnonzero(touched))
        return cls(training, held)


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
    seed: int = 0,
) -> tuple[list[Row], pd.DataFrame]:
    """Rows and per-subject table.

    Parameters
    ----------
    layers : tuple of str
    models : sequence of array, layers x pairs
        One a draw (one for a model, five for a twin).
    measured : dict of region to RegionRdms
    split : Split
        Folds over stimuli for the choice of layer.
    metric : str
    seed : int
        Of the bootstrap.
    """
    samples = next(iter(measured.values())).values.shape[-1]
    pairs = Pairs.of(split, samples)
    weights = pair_weights(samples, seed=seed)
    rows: list[Row] = []
    table: list[dict[str, Any]] = []
    for region in measured.values():
        subjects = condensed(np.asarray(region.values, np.float64).mean(axis=1))
        low_bound, high_bound = bounds(subjects)
        scored = [_chosen(subjects, model, pairs, layers) for model in models]
        won = Counter(name for _, names in scored for name in names)
        chosen = np.mean([values for values, _ in scored], axis=0)
        alone = [_similarities(subjects, model) for model in models]
        per_layer = np.mean(alone, axis=0)
        boot = np.mean([_weighted_similarity(subjects, model, weights) for model in models], axis=0)
        chosen_boot = _bootstrap_chosen(subjects, models, scored, pairs, layers, weights)

        def row(
            layer: str,
            values: Array,
            drawn: Array,
            draws: list[float],
            won: dict[str, int],
            *,
            region: RegionRdms = region,
            bound: tuple[float, float] = (low_bound, high_bound),
        ) -> Row:
            low, high = around(float(np.mean(values)), drawn)
            return Row(
                region=region.region,
                subject="all",
                layer=layer,
                readout="none",
                metric=metric,
                value=float(np.mean(values)),
                low=low,
                high=high,
                ceiling=bound[1] if np.isfinite(bound[1]) else None,
                ceiling_lower=bound[0] if np.isfinite(bound[0]) else None,
                ceiling_unit="r" if np.isfinite(bound[1]) else None,
                ceiling_kind="rdm-bounds" if np.isfinite(bound[1]) else "none",
                ceiling_rows="all" if np.isfinite(bound[1]) else None,
                n_units=len(region.subjects),
                n_samples=samples,
                spread=float(np.std(draws, ddof=1)) if len(draws) > 1 else None,
                layers_chosen=won,
            )

        rows.append(row(CHOSEN, chosen, chosen_boot, [float(v.mean()) for v, _ in scored], dict(won)))
        for k, layer in enumerate(layers):
            draws = [float(values[:, k].mean()) for values in alone]
            rows.append(row(layer, per_layer[:, k], boot[:, k], draws, {}))
        table += [
            {"region": region.region, "subject": s, "unit": n, "r": float(chosen[n]), "r2": np.nan,
             "ceiling": high_bound, "ceiled": np.nan}
            for n, s in enumerate(region.subjects)
        ]  # fmt: skip
    return rows, pd.DataFrame(table)


def pair_weights(samples: int, *, draws: int = DRAWS, seed: int = 0) -> NDArray[np.float32]:
    """Weight of every pair under each resampling of the stimuli: draws x pairs."""
    rng = np.random.default_rng([seed, 0x5AFE])
    counts = rng.multinomial(samples, np.full(samples, 1 / samples), size=draws).astype(np.float32)
    first, second = np.triu_indices(samples, 1)
    return np.asarray(counts[:, first] * counts[:, second], np.float32)


def _similarities(subjects: Array, model: Array) -> Array:
    """rho-a of each subject with each layer: subjects x layers."""
    return np.asarray(centred_ranks(subjects) @ centred_ranks(model).T)


def _chosen(subjects: Array, model: Array, pairs: Pairs, layers: tuple[str, ...]) -> tuple[Array, list[str]]:
    """Score of each subject with the layer chosen in each fold, and the layers' names."""
    total = np.zeros(len(subjects))
    weight, names = 0, []
    for training, held in zip(pairs.training, pairs.held_out, strict=True):
        best = int(_similarities(subjects[:, training], model[:, training]).mean(axis=0).argmax())
        names.append(layers[best])
        total += len(held) * _similarities(subjects[:, held], model[best : best + 1, held])[:, 0]
        weight += len(held)
    return total / weight, names


def _weighted_similarity(subjects: Array, model: Array, weights: NDArray[np.float32]) -> Array:
    """Mean over subjects of the weighted correlation of ranks: draws x layers."""
    a, b = centred_ranks(subjects), centred_ranks(model)
    # Scaled to unit mean square so that the weighted moments stay far from rounding.
    size = a.shape[1]
    a, b = a * np.sqrt(size), b * np.sqrt(size)
    w = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    ma, mb = w @ a.T, w @ b.T
    va, vb = w @ (a * a).T - ma**2, w @ (b * b).T - mb**2
    out = np.zeros(mb.shape)
    for s in range(len(a)):
        cov = w @ (a[s] * b).T - ma[:, s : s + 1] * mb
        out += cov / np.sqrt(np.maximum(va[:, s : s + 1] * vb, 1e-12))
    return out / len(a)


def _bootstrap_chosen(
    subjects: Array,
    models: Sequence[Array],
    scored: Sequence[tuple[Array, list[str]]],
    pairs: Pairs,
    layers: tuple[str, ...],
    weights: NDArray[np.float32],
) -> Array:
    total = np.zeros(len(weights))
    count = sum(len(held) for held in pairs.held_out)
    for model, (_, names) in zip(models, scored, strict=True):
        for held, name in zip(pairs.held_out, names, strict=True):
            k = layers.index(name)
            part = _weighted_similarity(subjects[:, held], model[k : k + 1, held], weights[:, held])
            total += len(held) * part[:, 0] / count / len(models)
    return total
