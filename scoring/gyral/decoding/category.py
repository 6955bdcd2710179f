"""Category decoding: which class each held-out sample is of, among all classes and for each pair, with chance and p."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold, Rows
from gyral.decoding.accuracy import accuracy, auc, balanced_accuracy, named, over_folds
from gyral.decoding.classifiers import CLASSIFIERS, Decide, prepare
from gyral.decoding.labels import Labels, check_folds, check_samples, folds_of
from gyral.errors import BadArrays
from gyral.progress import Progress, silent
from gyral.scores.confidence import Interval
from gyral.scores.jackknife import jackknife_interval

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

PERMUTATIONS = 200


@dataclass(frozen=True)
class Rate:
    """A share of right answers (or an area under the curve) with what guessing gives.

    Parameters
    ----------
    interval : Interval
        Its value, with a 95 % interval for new groups under fitted classifiers: jackknife over folds.
    chance : float
        What guessing reaches.
    p : float
        One-sided, ``(1 + null draws at least as high) / (1 + draws)``; NaN without permutations. The smallest
        possible is ``1 / (1 + draws)``.
    """

    interval: Interval
    chance: float
    p: float

    @property
    def value(self) -> float:
        """The share, in [0, 1]."""
        return self.interval.value


@dataclass(frozen=True, eq=False)
class Decoded:
    """Out-of-fold decisions about the categories of samples.

    Parameters
    ----------
    labels : Labels
    folds : tuple of Fold
    classifier : str
    decisions : array, samples (x classes with more than two)
    pairs : array, classes x classes x samples
        Decisions for each pair (row: the first class): above 0 for the second. NaN for samples of other classes.
    null : array, permutations x 2 (accuracy, balanced accuracy)
    null_pairs : array, permutations x 2 (accuracy, AUC) x classes x classes
        Upper triangle.
    """

    labels: Labels
    folds: tuple[Fold, ...]
    classifier: str
    decisions: Floats
    pairs: Floats
    null: Floats
    null_pairs: Floats

    @property
    def found(self) -> Rows:
        """Class named for each sample; -1 where it was never held out."""
        return named(self.decisions, len(self.labels.classes))

    @cached_property
    def confusion(self) -> Floats:
        """True class x named class, rows summing to 1."""
        held = np.concatenate([f.test for f in self.folds])
        counts = np.zeros((len(self.labels.classes),) * 2)
        np.add.at(counts, (self.labels.codes[held], self.found[held]), 1)
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))

    @property
    def accuracy(self) -> Rate:
        """Share named right; chance is the share of the commonest class among the held-out samples."""
        tests = [f.test for f in self.folds]
        held = np.bincount(self.labels.codes[np.concatenate(tests)])
        folds = np.array([accuracy(self.labels.codes[t], self.found[t]) for t in tests])
        return _rate(folds, tests, float(held.max() / held.sum()), self.null[:, 0])

    @property
    def balanced_accuracy(self) -> Rate:
        """Mean over classes of the share named right in each fold; chance is 1 / classes."""
        tests = [f.test for f in self.folds]
        folds = np.array([balanced_accuracy(self.labels.codes[t], self.found[t]) for t in tests])
        return _rate(folds, tests, 1 / len(self.labels.classes), self.null[:, 1])

    @property
    def pairwise_accuracy(self) -> Rate:
        """Mean over pairs of classes of the accuracy between the two; chance .5."""
        return self._over_pairs(0)

    @property
    def pairwise_auc(self) -> Rate:
        """Mean over pairs of classes of the area under the curve; chance .5."""
        return self._over_pairs(1)

    @cached_property
    def pair_accuracy(self) -> Floats:
        """Accuracy of each pair: classes x classes, symmetric, NaN diagonal."""
        return self._matrix(0)

    @cached_property
    def pair_auc(self) -> Floats:
        """Area under the curve of each pair: classes x classes, symmetric, NaN diagonal."""
        return self._matrix(1)

    @cached_property
    def pair_p(self) -> Floats:
        """p of each pair's accuracy, corrected for all pairs by the maximum over them in each permutation."""
        count = len(self.labels.classes)
        out = np.full((count, count), np.nan)
        if len(self.null_pairs):
            highest = np.nanmax(self.null_pairs[:, 0].reshape(len(self.null_pairs), -1), axis=1)
            for i, j in combinations(range(count), 2):
                out[i, j] = out[j, i] = _p(self.pair_accuracy[i, j], highest)
        return out

    def _per_fold(self, which: int) -> Floats:
        """Folds x classes x classes, upper triangle."""
        return _pairs_per_fold(self.pairs, self.labels, self.folds)[:, which]

    def _over_pairs(self, which: int) -> Rate:
        upper = np.triu_indices(len(self.labels.classes), 1)
        null = self.null_pairs[:, which][:, *upper].mean(axis=1) if len(self.null_pairs) else np.empty(0)
        folds = np.nanmean(self._per_fold(which)[:, *upper], axis=1)
        return _rate(folds, [f.test for f in self.folds], 0.5, null)

    def _matrix(self, which: int) -> Floats:
        found = _mean_over_folds(self._per_fold(which), self.folds)
        return np.where(np.isnan(found), found.T, found)


def decode(
    x: Array,
    labels: Sequence[Any] | NDArray[Any],
    groups: Sequence[Any] | NDArray[Any] | None = None,
    *,
    classifier: str = "lda",
    folds: Sequence[Fold] | None = None,
    pairwise: bool = True,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    progress: Progress = silent,
) -> Decoded:
    """Decode categories, each group held out in turn.

    Parameters
    ----------
    x : array, samples x units
    labels : sequence, samples
        Class of each sample.
    groups : sequence, samples, optional
        Run, session or subject of each sample. They are held out whole, and labels are permuted inside them (inside
        folds where only folds are given).
    classifier : str
        One of `gyral.decoding.classifiers.CLASSIFIERS`.
    folds : sequence of Fold, optional
        Default: one group at a time.
    pairwise : bool
        Whether each pair of more than two classes is decoded as well; NaN where not.
    permutations : int
        How often labels are permuted for p; all of cross-validation is repeated.
    seed : int
    progress : Progress

    Raises
    ------
    BadArrays
        Labels missing, one class, a class with one sample or too few to learn from in a fold, NaN responses, or neither groups nor
        folds.
    UnknownName
        No such classifier.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y, runs = np.tile(["a", "b", "c"], 20), np.repeat(range(6), 10)
    >>> x = rng.standard_normal((60, 4)) + 3 * (y[:, None] == np.array(["a", "b", "c", "d"]))
    >>> found = decode(x, y, runs, permutations=20)
    >>> found.accuracy.value > 0.9, round(found.accuracy.p, 3)
    (True, 0.048)
    """
    named_labels = Labels.of(labels)
    check_samples(x, named_labels)
    if groups is not None and len(groups) != len(named_labels):
        raise BadArrays(f"{len(groups)} groups for {len(named_labels)} samples.", where="groups")
    if folds is None:
        if groups is None:
            raise BadArrays(
                "neither groups nor folds are given.",
                where="groups",
                mend="Give the run of each sample; samples of a run resemble each other, and must not be shuffled apart.",
                code="no-groups",
            )
        folds = folds_of(groups)
    check_folds(named_labels, folds)
    decide: Decide = CLASSIFIERS.load(classifier)
    values = prepare(x, classifier)
    decisions, pairs = _decisions(values, named_labels, folds, decide, pairwise)
    count, null, null_pairs = len(named_labels.classes), [], []
    strata = (
        _held_out_by(len(x), folds) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    )
    rng = np.random.default_rng([seed, 0xDEC0])
    for n in range(permutations):
        progress(f"permutations of {classifier}", n, permutations)
        drawn = Labels(permuted_within(named_labels.codes, strata, rng), named_labels.classes)
        if not _learnable(drawn, folds):
            continue
        own, own_pairs = _decisions(values, drawn, folds, decide, pairwise)
        guess = named(own, count)
        tests = [f.test for f in folds]
        null.append([over_folds(rate, drawn.codes, guess, tests) for rate in (accuracy, balanced_accuracy)])
        per_fold = _pairs_per_fold(own_pairs, drawn, folds)
        null_pairs.append([_mean_over_folds(per_fold[:, k], folds) for k in (0, 1)])
    return Decoded(
        named_labels,
        tuple(folds),
        classifier,
        decisions,
        pairs,
        np.array(null).reshape(-1, 2),
        np.array(null_pairs).reshape(-1, 2, count, count),
    )


def _decisions(
    x: Floats, labels: Labels, folds: Sequence[Fold], decide: Decide, pairwise: bool
) -> tuple[Floats, Floats]:
    """Decisions among all classes, and for each pair."""
    every, count = decide(x, labels, folds), len(labels.classes)
    pairs = np.full((count, count, len(x)), np.nan)
    if count == 2:
        pairs[0, 1] = every
        return every, pairs
    if not pairwise:
        return every, pairs
    for i, j in combinations(range(count), 2):
        rows = labels.within([i, j])
        place = np.full(len(x), -1)
        place[rows] = np.arange(len(rows))
        own = []
        for fold in folds:
            train, test = (place[r][place[r] >= 0] for r in (fold.train, fold.test))
            if len(test):
                own.append(Fold(train, test))
        two = Labels((labels.codes[rows] == j).astype(np.int64), (labels.classes[i], labels.classes[j]))
        pairs[i, j, rows] = decide(x[rows], two, own)
    return every, pairs


def _pairs_per_fold(pairs: Floats, labels: Labels, folds: Sequence[Fold]) -> Floats:
    """Accuracy and AUC: folds x 2 x classes x classes; NaN where a fold does not hold the pair."""
    count = len(labels.classes)
    out = np.full((len(folds), 2, count, count), np.nan)
    for f, fold in enumerate(folds):
        for i, j in combinations(range(count), 2):
            rows = fold.test[np.isin(labels.codes[fold.test], (i, j))]
            if len(rows):
                codes, scores = (labels.codes[rows] == j).astype(np.int64), pairs[i, j, rows]
                out[f, 0, i, j], out[f, 1, i, j] = accuracy(codes, named(scores, 2)), auc(codes, scores)
    return out


def _mean_over_folds(values: Floats, folds: Sequence[Fold]) -> Floats:
    weight = np.array([len(f.test) for f in folds], float).reshape(-1, *[1] * (values.ndim - 1))
    weight = np.where(np.isfinite(values), weight, 0.0)
    total = weight.sum(axis=0)
    return np.asarray(
        np.where(total > 0, (weight * np.nan_to_num(values)).sum(axis=0) / np.maximum(total, 1), np.nan)
    )


def _rate(folds: Floats, tests: Sequence[Rows], chance: float, null: Floats) -> Rate:
    weight = np.where(np.isfinite(folds), [len(t) for t in tests], 0.0)
    summed, total = (weight * np.nan_to_num(folds)).sum(), weight.sum()
    used = np.flatnonzero(weight)
    value = float(summed / total) if total else float("nan")
    left = np.array([(summed - weight[k] * folds[k]) / (total - weight[k]) for k in used if total > weight[k]])
    return Rate(jackknife_interval(value, left, kind="conditional"), chance, _p(value, null))


def _p(value: float, null: Floats) -> float:
    if not len(null) or not np.isfinite(value):
        return float("nan")
    return float((1 + (null >= value - 1e-12).sum()) / (1 + len(null)))


def _held_out_by(samples: int, folds: Sequence[Fold]) -> Rows:
    out = np.full(samples, len(folds), np.int64)
    for k, fold in enumerate(folds):
        out[fold.test] = k
    return out


def permuted_within(codes: Rows, strata: NDArray[Any], rng: np.random.Generator) -> Rows:
    """Codes permuted inside each stratum (run)."""
    out = codes.copy()
    for k in np.unique(strata):
        rows = np.flatnonzero(strata == k)
        out[rows] = codes[rng.permutation(rows)]
    return out


def _learnable(labels: Labels, folds: Sequence[Fold]) -> bool:
    """Whether a permutation leaves enough of each class to learn from; without groups it may not."""
    count = len(labels.classes)
    return all(np.bincount(labels.codes[f.train], minlength=count).min() >= 2 for f in folds)
