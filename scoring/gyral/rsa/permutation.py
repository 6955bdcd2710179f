"""Permutation: would the same layers score as well if their stimuli were exchanged at random?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.rsa.comparator import Mask, Product
from gyral.rsa.vector import condensed, squared

Floats = NDArray[np.float64]
DRAWS = 1000


def permutation_p(
    comparator: Product,
    subjects: Mapping[str, NDArray[np.floating[Any]]],
    layers: NDArray[np.floating[Any]],
    picks: Mapping[str, Sequence[int]],
    masks: Sequence[Mask],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Floats]:
    """One-sided p of each region, by giving the stimuli of the model's RDM to each other; all regions share the draws.

    Parameters
    ----------
    comparator, subjects, layers, picks, masks, draws, seed
        As for `permuted`.

    Returns
    -------
    dict of region to array
        p of the mean over subjects and of each; of the only one where there is one.
    """
    scores = permuted(comparator, subjects, layers, picks, masks, draws=draws, seed=seed)
    observed = {name: with_mean(values) for name, values in next(scores).items()}
    reached = {name: np.ones(len(o)) for name, o in observed.items()}
    for null in scores:
        for name, values in null.items():
            reached[name] += with_mean(values) >= observed[name] - 1e-12
    return {name: r / (1 + draws) for name, r in reached.items()}


def permuted(
    comparator: Product,
    measured: Mapping[str, NDArray[np.floating[Any]]],
    layers: NDArray[np.floating[Any]],
    picks: Mapping[str, Sequence[int]],
    masks: Sequence[Mask],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Iterator[dict[str, Floats]]:
    """Scores of every measured RDM: first as they are, then with the stimuli of the model's RDM in random orders.

    Parameters
    ----------
    comparator : Product
    measured : dict of region to array, RDMs x pairs
    layers : array, layers x pairs
    picks : dict of region to sequence of int
        Layer of each fold.
    masks : sequence of bool array, pairs
        Pairs each fold is scored on; it weighs as many.
    draws : int
    seed : int
    """
    sizes = np.array([m.sum() for m in masks]) / sum(m.sum() for m in masks)
    theirs = {name: [comparator.embedded(s[:, m]) for m in masks] for name, s in measured.items()}
    used = {k for name in measured for k in picks[name]}

    def scores(rdms: Mapping[int, Floats]) -> dict[str, Floats]:
        found: dict[tuple[int, int], Floats] = {}
        out = {}
        for name, parts in theirs.items():
            total = np.zeros(len(parts[0]))
            for f, k in enumerate(picks[name]):
                if (f, k) not in found:
                    found[f, k] = comparator.embedded(rdms[k][None, masks[f]])[0]
                total += sizes[f] * (parts[f] @ found[f, k])
            out[name] = total
        return out

    squares = {k: squared(np.asarray(layers[k], np.float64)) for k in used}
    yield scores({k: condensed(s) for k, s in squares.items()})
    rng = np.random.default_rng([seed, 0x9A1E])
    for _ in range(draws):
        order = rng.permutation(len(next(iter(squares.values()))))
        yield scores({k: condensed(s[np.ix_(order, order)]) for k, s in squares.items()})


def with_mean(values: Floats) -> Floats:
    """The mean before its parts, where there are several."""
    return np.concatenate([[values.mean()], values]) if len(values) > 1 else values
