"""RdmProblem: the RDMs of a model's layers beside those of brains, with folds over stimuli and one set of redraws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Split
from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.comparator import PairSums, Product
from gyral.rsa.partial import mean_over_folds
from gyral.rsa.vector import samples_of

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


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
class Scored:
    """Similarities of measured RDMs with a model's.

    Parameters
    ----------
    values : array, model draws x RDMs
    drawn : array, redraws x RDMs
        Under `RdmProblem.counts`, mean over model draws.
    left_out : array, samples x RDMs
        Likewise without each stimulus.
    """

    values: Floats
    drawn: Floats
    left_out: Floats

    def of(self, rdms: slice) -> "Scored":
        """Those of some RDMs."""
        return Scored(self.values[:, rdms], self.drawn[:, rdms], self.left_out[:, rdms])


class RdmProblem:
    """What all regions share.

    Parameters
    ----------
    models : sequence of array, layers x pairs
        One a draw (one for a model, five for a twin).
    subjects : mapping of region to array, subjects x pairs
    split : Split
        Folds over stimuli.
    comparator : Product
    exchangeable : bool
        Stimuli are in no order and no groups.
    draws : int
        Redraws of stimuli.
    seed : int
        Of redraws and permutations.
    """

    def __init__(
        self,
        models: Sequence[Array],
        subjects: Mapping[str, Array],
        split: Split,
        comparator: Product,
        *,
        exchangeable: bool,
        draws: int,
        seed: int,
    ) -> None:
        self.models, self.subjects, self.comparator, self.seed = models, subjects, comparator, seed
        self.samples = samples_of(models[0].shape[-1])
        self.pairs = Pairs.of(split, self.samples)
        self.exchangeable = exchangeable and len(models) == 1
        self.counts, self.without = draw_counts(self.samples, draws, seed), 1 - np.eye(self.samples)

    def picks(self, region: str) -> list[list[int]]:
        """Layer that resembles a region most in the training pairs of each fold: model draws x folds."""
        subjects = self.subjects[region]
        return [
            [
                int(self.comparator.similarity(subjects[:, t], m[:, t]).mean(axis=0).argmax())
                for t in self.pairs.training
            ]
            for m in self.models
        ]

    def scored(self, measured: Array, picks: Sequence[Sequence[int]], *, draws: int | None = None) -> Scored:
        """Measured RDMs (RDMs x pairs) with the layer picked in each fold, on the pairs that it holds out.

        Parameters
        ----------
        picks : model draws x folds
        draws : int, optional
            Redraws, of those that there are; default: all.
        """
        folds = self.pairs.held_out
        sizes = np.array([held.sum() for held in folds])
        values = np.stack([
            sum(n * self.comparator.similarity(measured[:, held], m[[k]][:, held])[:, 0]
                for k, n, held in zip(pick, sizes, folds, strict=True)) / sizes.sum()
            for m, pick in zip(self.models, picks, strict=True)
        ])  # fmt: skip
        counts = np.concatenate([self.counts[:draws], self.without])
        parts = []
        for f, held in enumerate(folds):
            winners = np.stack([m[pick[f]] for m, pick in zip(self.models, picks, strict=True)])
            part = self.comparator.redrawn(measured, winners, counts, held).mean(axis=2)
            parts.append((PairSums(counts, len(held), held).total, part))
        found = mean_over_folds(parts)
        return Scored(values, found[: -self.samples], found[-self.samples :])

    def whole(self, measured: Array, *, draws: int | None = None) -> list[Scored]:
        """Measured RDMs with each layer, on all pairs: one a layer."""
        layers = len(self.models[0])
        values = np.stack([self.comparator.similarity(measured, m) for m in self.models])
        counts = np.concatenate([self.counts[:draws], self.without])
        found = self.comparator.redrawn(measured, np.concatenate(list(self.models)), counts)
        found = found.reshape(len(counts), len(measured), len(self.models), layers).mean(axis=2)
        drawn, left_out = found[: -self.samples], found[-self.samples :]
        return [Scored(values[:, :, k], drawn[:, :, k], left_out[:, :, k]) for k in range(layers)]
