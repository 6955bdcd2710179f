"""Ranks: where the right candidate stands, and what chance would give.

Scores of a window against the candidates are ``<prediction, candidate / |candidate|>``: only candidates are normalised, which
ranks them as the cosine does. Top-k falls with the number of candidates, the median relative rank does not, so both are given,
and the number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.retrieval.segments import Floats, Ints

TOP = (1, 5, 10)
_DRAWS = 500


@dataclass(frozen=True, eq=False)
class Ranks:
    """Place of the right candidate for each window, from 0; a tie counts half.

    Parameters
    ----------
    ranks : array, one a window
    candidates : int array, one a window
        How many it was sought among.
    items : int array, one a window
        What is drawn together in intervals.
    """

    ranks: Floats
    candidates: Ints
    items: Ints

    @classmethod
    def joined(cls, parts: Sequence["Ranks"]) -> "Ranks":
        """The windows of several folds."""
        return cls(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("ranks", "candidates", "items")))

    def top(self, k: int) -> float:
        """Share of windows whose right candidate is among the ``k`` best; 1 at best, chance ``k / candidates``."""
        return float(self._hits(k).mean())

    def chance(self, k: int) -> float:
        """Top-k of guesses."""
        return float(np.minimum(1.0, k / self.candidates).mean())

    @property
    def relative(self) -> float:
        """Median of rank / (candidates - 1): 0 at best, .5 by chance, whatever the number of candidates."""
        return float(np.median(self.ranks / (self.candidates - 1)))

    def interval(self, k: int, seed: int = 0) -> tuple[float, float]:
        """95 % percentile interval of top-k over items, those of several subjects drawn together."""
        names, codes = np.unique(self.items, return_inverse=True)
        hits, count = np.bincount(codes, self._hits(k)), np.bincount(codes)
        drawn = np.random.default_rng(seed).integers(0, len(names), (_DRAWS, len(names)))
        low, high = np.quantile(hits[drawn].sum(axis=1) / count[drawn].sum(axis=1), (0.025, 0.975))
        return float(low), float(high)

    def _hits(self, k: int) -> NDArray[np.float64]:
        return np.asarray(self.ranks < k, np.float64)


def similarity(predictions: Floats, candidates: Floats) -> Floats:
    """``<prediction, candidate / |candidate|>``, windows x candidates.

    Parameters
    ----------
    predictions : array, windows x features (x times)
    candidates : array, candidates x features (x times)

    Raises
    ------
    BadArrays
        Shapes differ, or something is no number (``retrieval-scores``).
    """
    if predictions.shape[1:] != candidates.shape[1:]:
        raise BadArrays(
            f"predictions {predictions.shape!r} and candidates {candidates.shape!r} differ beyond their rows.",
            where="retrieval",
            code="retrieval-scores",
        )
    z, y = (np.asarray(a, np.float64).reshape(len(a), -1) for a in (predictions, candidates))
    if not (np.isfinite(z).all() and np.isfinite(y).all()):
        raise BadArrays("NaN or infinite predictions or candidates.", where="retrieval", code="retrieval-scores")
    return np.asarray(z @ (y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-12)).T)


def ranked(scores: Floats, right: Ints, candidates: Ints) -> Ranks:
    """Rank of each window's right item among unique candidates.

    Parameters
    ----------
    scores : array, windows x candidates
    right : int array, one a window
        Its item.
    candidates : int array, one a column
        Items, each once.

    Raises
    ------
    BadArrays
        A candidate stands there twice, there are fewer than two, or a window's item is none of them.
    """
    if (
        len(candidates) < 2
        or len(np.unique(candidates)) != len(candidates)
        or not np.isin(right, candidates).all()
    ):
        raise BadArrays(
            "two or more candidates are needed, each once, and the right one among them.",
            where="retrieval",
            code="retrieval-scores",
        )
    order = np.argsort(candidates)
    column = order[np.searchsorted(candidates, right, sorter=order)]
    own = scores[np.arange(len(scores)), column][:, None]
    ties = (scores == own).sum(axis=1) - 1
    return Ranks((scores > own).sum(axis=1) + ties / 2, np.full(len(right), len(candidates)), right)


def over_subjects(scores: Floats, right: Ints) -> tuple[Floats, Ints]:
    """Mean over the windows of an item of its probabilities of candidates: items x candidates, and the items.

    Probabilities (softmax over candidates), because scores of two recordings need not be on one scale.
    """
    stable = np.exp(scores - scores.max(axis=1, keepdims=True))
    share = stable / stable.sum(axis=1, keepdims=True)
    items, codes = np.unique(right, return_inverse=True)
    total = np.zeros((len(items), scores.shape[1]))
    np.add.at(total, codes, share)
    return total / np.bincount(codes)[:, None], np.asarray(items, np.int64)
