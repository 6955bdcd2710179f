"""Identification: which of the held-out stimuli was it, from how alike each candidate is to what is known of it.

Row i of a similarity matrix compares trial i with every candidate; the right one is candidate i. Distractors are the other
held-out stimuli of the same fold. With ``b_i`` the distractors more alike than the right one (ties count half) and N candidates::

    2-way   mean_i 1 - b_i / (N - 1)            chance .5     as good as telling the stimulus from one distractor
    top-k   share of i with b_i <= k - 1        chance k / N
    rank    1 - median_i b_i / (N - 1)          chance .5

2-way and rank hardly know of N, top-k falls with it: top-k of different N are never compared. Of scores d standard deviations
apart 2-way is Phi(d / sqrt 2): .76 at d = 1, where top-1 of 200 is .05. Kay, Naselaris, Prenger & Gallant (2008), Nature 452,
352-355.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows
from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

_TIE = 1e-9


@dataclass(frozen=True)
class Kind:
    """What is made of the ranks of right candidates: "2way", "rank" or "top"."""

    name: str
    k: int = 0

    def of(self, better: Floats, candidates: Floats, weights: Floats | None = None) -> Floats:
        """Value from distractors that are better, ... x trials; ``candidates`` of each trial, ``weights`` ... x trials."""
        w = np.ones(better.shape) if weights is None else weights
        relative = better / np.maximum(candidates - 1, 1)
        if self.name == "rank":
            return 1 - _weighted_median(relative, w)
        own = 1 - relative if self.name == "2way" else (better <= self.k - 1 + _TIE).astype(np.float64)
        total = w.sum(axis=-1)
        return np.asarray(np.where(total > 0, (w * own).sum(axis=-1) / np.where(total > 0, total, 1.0), np.nan))

    def chance(self, candidates: Floats) -> float:
        """What guessing gives."""
        return float(np.mean(self.k / candidates)) if self.name == "top" else 0.5


TWO_WAY, RANK = Kind("2way"), Kind("rank")
TOP1, TOP5, TOP10 = Kind("top", 1), Kind("top", 5), Kind("top", 10)
# By the end of a metric's name.
KINDS = {"2way": TWO_WAY, "top1": TOP1, "top5": TOP5, "top10": TOP10, "rank": RANK}


@dataclass(frozen=True, eq=False)
class Trials:
    """Similarities of every held-out trial with the candidates of its fold.

    Parameters
    ----------
    similarity : tuple of array, one a fold, trials x candidates
        Square: candidate i is that of trial i.
    rows : tuple of int array, one a fold
        Sample behind each trial.

    Raises
    ------
    BadArrays
        A matrix is not square, has NaN, or has one candidate (``too-few-candidates``).
    """

    similarity: tuple[Floats, ...]
    rows: tuple[Rows, ...]

    def __post_init__(self) -> None:
        for matrix, rows in zip(self.similarity, self.rows, strict=True):
            if matrix.shape != (len(rows), len(rows)):
                raise BadArrays(f"shape {matrix.shape!r} is not trials x as many candidates.", where="similarity")
            if len(rows) < 2:
                raise BadArrays(
                    "a fold holds one stimulus out; there is nothing to tell it from.",
                    where="split",
                    mend="Hold out more at a time.",
                    code="too-few-candidates",
                )
            if not np.isfinite(matrix).all():
                raise BadArrays("a similarity is missing.", where="similarity")

    @cached_property
    def candidates(self) -> Floats:
        """Number of candidates of each trial, fold after fold."""
        return np.concatenate([np.full(len(r), float(len(r))) for r in self.rows])

    @cached_property
    def better(self) -> Floats:
        """Distractors more alike than the right candidate, ties half, fold after fold."""
        return np.concatenate([lost.sum(axis=1) for lost in self._lost])

    @cached_property
    def _lost(self) -> list[Floats]:
        """1 where a candidate is more alike than the right one, half where it ties; 0 of the right one."""
        found = []
        for matrix in self.similarity:
            right = np.diagonal(matrix)[:, None]
            lost = (matrix > right) + 0.5 * (matrix == right)
            np.fill_diagonal(lost, 0.0)
            found.append(lost)
        return found

    def require(self, kind: Kind) -> None:
        """Refuse top-k of k or fewer candidates, which no answer can miss.

        Raises
        ------
        BadArrays
            ``too-few-candidates``.
        """
        fewest = int(self.candidates.min())
        if kind.name == "top" and fewest <= kind.k:
            raise BadArrays(
                f"top-{kind.k} of {fewest} candidates is right whatever is answered.",
                where="metric",
                mend="Use a smaller k, '2way' or 'rank', or folds that hold out more.",
                code="too-few-candidates",
            )

    def value(self, kind: Kind) -> float:
        """The score."""
        return float(kind.of(self.better, self.candidates))

    def under(self, kind: Kind, weights: NDArray[np.number[Any]]) -> Floats:
        """Scores with each sample counted as often as a draw says: draws x samples -> draws.

        For 2-way and rank distractors are redrawn with the trials, a stimulus never against its own copy; for top-k
        the candidates stay, since their number decides what a top-k is.
        """
        better, counted, number = [], [], []
        for lost, rows in zip(self._lost, self.rows, strict=True):
            w = np.asarray(weights[:, rows], np.float64)
            others = w.sum(axis=1, keepdims=True) - w
            if kind.name == "top":
                better.append(np.broadcast_to(lost.sum(axis=1), w.shape))
            else:
                share = (w @ lost.T) / np.where(others > 0, others, 1.0)
                better.append(share * (len(rows) - 1))
            counted.append(np.where(others > 0, w, 0.0))
            number.append(np.full(len(rows), float(len(rows))))
        return kind.of(np.concatenate(better, 1), np.concatenate(number), np.concatenate(counted, 1))

    def null(self, kind: Kind, orders: Sequence[Sequence[Rows]]) -> Floats:
        """Scores if the right candidate of trial i were candidate ``order[i]``: one a draw of one order a fold."""
        from scipy.stats import rankdata  # slow import, and `gyral list` never comes here

        above = [rankdata(-matrix, axis=1) - 1 for matrix in self.similarity]
        found = np.stack(
            [
                np.concatenate([a[np.arange(len(o)), o] for a, o in zip(above, drawn, strict=True)])
                for drawn in orders
            ]
        )
        return kind.of(found, self.candidates)

    def summary(self) -> dict[str, float]:
        """All numbers at once: ``candidates`` (mean over folds), 2-way, top-1, -5, -10 where they can miss, median ranks."""
        out = {"candidates": float(np.mean([len(r) for r in self.rows])), "two_way": self.value(TWO_WAY)}
        for kind in (TOP1, TOP5, TOP10):
            if self.candidates.min() > kind.k:
                out[f"top_{kind.k}"] = self.value(kind)
                out[f"top_{kind.k}_chance"] = kind.chance(self.candidates)
        out["median_rank"] = float(np.median(self.better)) + 1
        out["median_relative_rank"] = 1 - self.value(RANK)
        return out


def cosine(first: Array, second: Array) -> Floats:
    """Cosine of each row of one with each of the other; 0 for a row without length."""
    a, b = (np.asarray(v, np.float64) for v in (first, second))
    lengths = [np.sqrt((v * v).sum(axis=1, keepdims=True)) for v in (a, b)]
    a, b = (v / np.where(n > 0, n, 1.0) for v, n in zip((a, b), lengths, strict=True))
    return np.asarray(a @ b.T)


def _weighted_median(values: Floats, weights: Floats) -> Floats:
    """Lower and upper weighted median, averaged: ... x trials -> ..."""
    values, weights = np.broadcast_arrays(values, weights)
    order = np.argsort(values, axis=-1)
    ordered, summed = (
        np.take_along_axis(values, order, -1),
        np.cumsum(np.take_along_axis(weights, order, -1), axis=-1),
    )
    half = summed[..., -1:] / 2
    low = (summed >= half - _TIE).argmax(axis=-1)[..., None]
    high = (summed > half + _TIE).argmax(axis=-1)[..., None]
    both = np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)
    return np.asarray(both[..., 0] / 2)
