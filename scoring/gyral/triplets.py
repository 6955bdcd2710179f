"""Triplets: does a model pick the odd one out as people do, by the similarity of its features, with nothing fitted?

The two most similar of three stay together and the third is odd; ties share. Accuracy is the share of human choices named,
chance 1/3. A layer is chosen in each fold by triplets of training stimuli only, and scored on those that hold a stimulus
left out; single layers are scored on all.

Triplets share stimuli and people. The variance of an accuracy is that over stimuli, plus that over people, less what
both hold (Cameron, Gelbach & Miller 2011, J. Business & Economic Statistics 29, 238-249; of pairs that share an item:
Aronow, Samii & Assenova 2015, Political Analysis 23, 564-577). p: stimuli of the model given to each other at random.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.split import Rows, Split
from gyral.datasets.triplets import Triplets
from gyral.errors import BadDataset
from gyral.features.features import Features
from gyral.progress import Progress, silent
from gyral.record import CHOSEN, Row
from gyral.rows import interval_fields, number_or_none, with_q
from gyral.scores.confidence import t_interval
from gyral.scores.region import ALL
from gyral.scores.resampling import DRAWS

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Similarity = Callable[[Array], NDArray[np.float32]]

CHANCE = 1 / 3
PERMUTATIONS = 1000


def cosine(features: Array) -> NDArray[np.float32]:
    """Stimuli x stimuli."""
    x = np.asarray(features, np.float32)
    length = np.sqrt((x * x).sum(axis=1, keepdims=True))
    scaled = np.asarray(x / np.where(length > 0, length, 1), np.float32)
    return np.asarray(scaled @ scaled.T)


def dot(features: Array) -> NDArray[np.float32]:
    """Stimuli x stimuli."""
    x = np.asarray(features, np.float32)
    return np.asarray(x @ x.T)


def correlation(features: Array) -> NDArray[np.float32]:
    """Stimuli x stimuli: Pearson r over the features of two."""
    x = np.asarray(features, np.float32)
    return cosine(x - x.mean(axis=1, keepdims=True))


def hits(similarity: NDArray[np.float32], triplets: Triplets, order: Rows | None = None) -> NDArray[np.float32]:
    """1 where the choice of people is named, a share where pairs tie, else 0.

    Parameters
    ----------
    similarity : array, stimuli x stimuli
    triplets : Triplets
    order : int array, stimuli, optional
        Stimulus of the model that stands for each.

    Examples
    --------
    >>> s = np.array([[1, .9, .1], [.9, 1, .2], [.1, .2, 1]], np.float32)
    >>> hits(s, Triplets(np.array([[0, 1, 2]] * 2), np.array([2, 0]), np.zeros(2, int))).tolist()
    [1.0, 0.0]
    """
    items = triplets.items if order is None else order[triplets.items]
    first, second, third = items.T
    # Column k: the pair that stays where k is odd.
    pairs = np.stack([similarity[second, third], similarity[first, third], similarity[first, second]], axis=1)
    best = pairs == pairs.max(axis=1, keepdims=True)
    return np.asarray(best[np.arange(len(items)), triplets.odd] / best.sum(axis=1), np.float32)


@dataclass(frozen=True, eq=False)
class TripletScores:
    """What the layers of one model, or of all draws of a twin, come to.

    Parameters
    ----------
    rows : list of Row
        The chosen layers, then each layer.
    people : DataFrame
        One row a participant: accuracy with the chosen layers as ``r``.
    hits : array, model draws x layers x triplets
    redraws : array, redraws x 1
        Deviations of the chosen row's value, float32; the same stimuli and people for all models.
    """

    rows: list[Row]
    people: pd.DataFrame
    hits: NDArray[np.float32]
    redraws: NDArray[np.float32]


def layer_hits(
    features: Mapping[str, Features],
    triplets: Triplets,
    similarity: Similarity,
    *,
    progress: Progress = silent,
    step: str = "triplets",
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Names, and hits of each layer: layers x triplets."""
    found = []
    for k, layer in enumerate(features.values()):
        progress(step, k, len(features))
        found.append(hits(similarity(layer.flat()), triplets))
    progress(step, len(features), len(features))
    return tuple(features), np.stack(found)


def score_triplets(
    layers: tuple[str, ...],
    models: Sequence[NDArray[np.float32]],
    triplets: Triplets,
    split: Split,
    similarity: Callable[[int], NDArray[np.float32]],
    *,
    region: str,
    metric: str,
    stimuli: int,
    seed: int = 0,
) -> TripletScores:
    """Score the layers of a model.

    Parameters
    ----------
    layers : tuple of str
    models : sequence of array, layers x triplets
        Hits, one a model draw.
    triplets : Triplets
    split : Split
        Folds over stimuli for the choice of layer.
    similarity : callable
        Similarities of a layer (by number) of the first draw, for its p-value.
    region, metric : str
        Labels of the rows.
    stimuli : int
        Number of stimuli in the set.
    seed : int
        Of redraws and permutations.

    Raises
    ------
    BadDataset
        A fold has no triplets to choose by or to score (``too-few-samples``).
    """
    weights = _weights(models, triplets, split, stimuli)
    chosen = [np.einsum("kt,kt->t", w, m) / sum_of(w) for w, m in zip(weights, models, strict=True)]
    won: Counter[str] = Counter()
    for model in models:
        won.update(layers[k] for k in _picks(model, triplets, split, stimuli))
    common = {"region": region, "readout": "none", "metric": metric, "chance": CHANCE, "subject": ALL}
    common |= {"n_units": len(np.unique(triplets.participants)), "n_samples": stimuli}
    p = _p(weights[0], models[0], triplets, similarity, stimuli, seed) if len(models) == 1 else None
    each = weights[0].sum(axis=0) / sum_of(weights[0])  # the same triplets count for all draws
    fields, deviations = _interval(np.mean(chosen, axis=0), each, triplets, stimuli, seed)
    rows = [
        Row(
            layer=CHOSEN,
            layers_chosen=dict(won),
            p=number_or_none(p),
            null_kind=None if p is None else "permutation",
            spread=_spread([c.sum() for c in chosen]),
            **fields,
            **common,
        )
    ]
    alone = np.full(len(triplets), 1 / len(triplets))
    for k, name in enumerate(layers):
        own = np.mean([m[k] for m in models], axis=0) * alone
        fields, _ = _interval(own, alone, triplets, stimuli, seed)
        rows.append(Row(layer=name, spread=_spread([float(m[k].mean()) for m in models]), **fields, **common))
    share = pd.DataFrame({"who": triplets.participants, "hit": np.mean(chosen, axis=0), "weight": each})
    people = share.groupby("who").sum()
    table = pd.DataFrame(
        {
            "region": region,
            "subject": [f"participant-{k:03d}" for k in people.index],
            "unit": range(len(people)),
            "r": (people["hit"] / people["weight"]).to_numpy(),
            "r2": np.nan,
            "ceiling": np.nan,
            "ceiled": np.nan,
        }
    )
    return TripletScores(with_q(rows), table, np.stack(models), deviations[:, None].astype(np.float32))


def choice_bounds(triplets: Triplets) -> tuple[float, float]:
    """Accuracy of naming what most other people chose, and of naming what most people chose, the person included.

    The best model lies between the two where triplets were judged several times; a triplet judged once counts as a guess in
    the first and as known in the second.
    """
    codes = triplets.same
    ordered = np.sort(triplets.items, axis=1)
    odd = triplets.items[np.arange(len(triplets)), triplets.odd]
    chosen = (ordered == odd[:, None]).argmax(axis=1)
    counts = np.zeros((int(codes.max()) + 1, 3))
    np.add.at(counts, (codes, chosen), 1)
    rows = np.arange(len(triplets))
    others = counts[codes]
    others[rows, chosen] -= 1
    best = others == others.max(axis=1, keepdims=True)
    return float((best[rows, chosen] / best.sum(axis=1)).mean()), float(counts.max(axis=1).sum() / counts.sum())


def sum_of(weights: Floats) -> float:
    """What a weighting adds up to."""
    return float(weights.sum())


def _held(triplets: Triplets, split: Split, stimuli: int) -> list[NDArray[np.bool_]]:
    """Of each fold: which triplets hold a stimulus that it leaves out."""
    found = []
    for number, fold in enumerate(split.folds):
        tested = np.zeros(stimuli, bool)
        tested[fold.test] = True
        held: NDArray[np.bool_] = np.asarray(tested[triplets.items].any(axis=1))
        if held.all() or not held.any():
            raise BadDataset(
                f"fold {number + 1} has {'no triplets of training stimuli' if held.all() else 'no triplets to score'}.",
                where=f"split {split.name!r}",
                mend="Use fewer or larger folds.",
                code="too-few-samples",
            )
        found.append(held)
    return found


def _picks(model: NDArray[np.float32], triplets: Triplets, split: Split, stimuli: int) -> list[int]:
    """Layer with the best accuracy on triplets of training stimuli, one a fold."""
    return [int(model[:, ~held].mean(axis=1).argmax()) for held in _held(triplets, split, stimuli)]


def _weights(
    models: Sequence[NDArray[np.float32]], triplets: Triplets, split: Split, stimuli: int
) -> list[Floats]:
    """How often each layer's hits count: one array a draw, layers x triplets."""
    held, out = _held(triplets, split, stimuli), []
    for model in models:
        w = np.zeros(model.shape)
        for k, mine in zip(_picks(model, triplets, split, stimuli), held, strict=True):
            w[k] += mine
        out.append(w)
    return out


def _interval(
    counted: Floats, weight: Floats, triplets: Triplets, stimuli: int, seed: int
) -> tuple[dict[str, Any], Floats]:
    """Fields of a row, and redraws: ``counted`` adds up to the value, ``weight`` (one a triplet) to 1."""
    value = float(counted.sum())
    influence = counted - value * weight
    _, who = np.unique(triplets.participants, return_inverse=True)
    of_people = np.bincount(who, influence)
    of_stimuli = np.bincount(triplets.items.T.ravel(), np.tile(influence, 3), stimuli)
    same = triplets.same
    of_triplets = np.bincount(same, influence)
    of_both = np.bincount(np.unique(same * len(of_people) + who, return_inverse=True)[1], influence)
    squares = [float((v**2).sum()) for v in (of_stimuli, of_triplets, of_people, of_both)]
    # Judgements of the same triplet count three times in the sums over stimuli, and those of one person again among people.
    shared = max(squares[0] - 2 * squares[1], squares[1])
    se = float(np.sqrt(shared + max(squares[2] - squares[3], 0.0)))
    groups = min(len(of_people), len(of_triplets))
    interval = t_interval("conditional", value, se, df=groups - 1, groups=groups, method="crossed")
    rng = np.random.default_rng([seed, 0x7219])
    drawn = rng.standard_normal((DRAWS, stimuli)) @ of_stimuli
    drawn += rng.standard_normal((DRAWS, len(of_people))) @ of_people
    spread = drawn.std()
    return interval_fields(interval), drawn * (se / spread if spread > 0 else 0.0)


def _p(
    weights: Floats,
    model: NDArray[np.float32],
    triplets: Triplets,
    similarity: Callable[[int], NDArray[np.float32]],
    stimuli: int,
    seed: int,
) -> float:
    observed = float((weights * model).sum())
    rng = np.random.default_rng([seed, 0x9A1E])
    orders = [rng.permutation(stimuli) for _ in range(PERMUTATIONS)]
    null = np.zeros(PERMUTATIONS)
    for k in np.flatnonzero(weights.any(axis=1)):
        own = similarity(int(k))
        null += [float(weights[k] @ hits(own, triplets, order)) for order in orders]
    return float((1 + (null >= observed - 1e-9).sum()) / (1 + PERMUTATIONS))


def _spread(values: Sequence[float]) -> float | None:
    return number_or_none(float(np.std(values, ddof=1))) if len(values) > 1 else None
