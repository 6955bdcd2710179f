"""Retrieve: how well held-out stimuli are found by windows of M/EEG in the space of a model's features.

The decoders are fixed, what is compared is the space they aim at: in every fold of the dataset's split the layer whose ridge decoder
does best on the last inner fold is taken, its columns standardised and reduced to principal components over training items, and
both decoders are trained on them. Candidates are the held-out items, each once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gyral.datasets.dataset import Dataset
from gyral.datasets.split import Fold
from gyral.errors import BadDataset
from gyral.features.features import Features
from gyral.progress import Progress, silent
from gyral.retrieval.linear import ridge_predictions
from gyral.retrieval.ranks import Ranks, over_subjects, ranked, similarity
from gyral.retrieval.segments import Floats, Ints, Segments, segments_of
from gyral.retrieval.training import Decoder, fit_contrastive

TOP = (1, 5, 10)
# Columns of a target.
WIDTH = 64
ALL = "all"


@dataclass(frozen=True, eq=False)
class Retrieval:
    """What came out.

    Parameters
    ----------
    ranks : dict of (decoder, subject) to Ranks
        The subject "all" has the windows of an item averaged over subjects, "single" every window by itself.
    layers : tuple of str
        Layer taken in each fold.
    """

    ranks: Mapping[tuple[str, str], Ranks]
    layers: tuple[str, ...]

    def rows(self, seed: int = 0) -> list[dict[str, Any]]:
        """A row for each decoder and subject: windows, candidates, relative rank, and top-k with interval and chance."""
        found = []
        for (decoder, subject), ranks in self.ranks.items():
            row: dict[str, Any] = {"decoder": decoder, "subject": subject, "windows": len(ranks.ranks)}
            row |= {"candidates": float(ranks.candidates.mean()), "relative_rank": ranks.relative}
            for k in TOP:
                low, high = ranks.interval(k, seed)
                row |= {f"top{k}": ranks.top(k), f"top{k}_low": low, f"top{k}_high": high}
                row[f"chance{k}"] = ranks.chance(k)
            found.append(row)
        return found


def retrieve(
    features: Mapping[str, Features],
    dataset: Dataset,
    *,
    decoders: Sequence[str] = ("ridge", "contrastive"),
    decoder: Decoder | None = None,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress = silent,
) -> Retrieval:
    """Retrieve the held-out stimuli of every fold.

    Parameters
    ----------
    features : mapping of layer to Features
        Of the dataset's stimuli.
    dataset : Dataset
        M/EEG with a time axis.
    decoders : sequence of {"ridge", "contrastive"}
    decoder : Decoder, optional
        How the contrastive one is trained.
    device : str
        Where it is trained.
    seed : int
    progress : Progress

    Raises
    ------
    BadDataset
        No time axis, other sensors in other subjects, or the same stimulus on both sides of a fold
        (``duplicates-across-folds``).
    """
    segments, split = segments_of(dataset), dataset.split()
    names = dataset.responses.subjects if dataset.responses else ()
    gathered = _Gathered({}, names)
    layers = []
    for number, fold in enumerate(split.folds):
        progress("folds", number, len(split.folds))
        parts = _Parts.of(segments, fold, split.inner(fold)[-1], dataset.name)
        targets = {name: _targets(layer, parts) for name, layer in features.items()}
        chosen = _chosen(segments, targets, parts, seed)
        layers.append(chosen)
        whole = _targets(features[chosen], replace(parts, train=parts.training, valid=parts.valid[:0]))
        for kind in decoders:
            if kind == "ridge":
                aim = whole
                made, items = ridge_predictions(segments, aim, parts.training, parts.test, seed=seed)
                subjects = _subjects(segments, parts.test)
            else:
                aim = targets[chosen]
                fitted = fit_contrastive(
                    segments,
                    aim,
                    parts.train,
                    parts.valid,
                    decoder=decoder,
                    device=device,
                    seed=seed,
                    progress=progress,
                )
                held = segments.of_items(parts.test)
                made, items, subjects = fitted.predict(held), held.items, held.subjects
            gathered.add(kind, similarity(made, aim[parts.test]), items, subjects, parts.test)
    progress("folds", len(split.folds), len(split.folds))
    return Retrieval(gathered.joined(), tuple(layers))


@dataclass(frozen=True, eq=False)
class _Parts:
    """Items of a fold, each once."""

    train: Ints
    valid: Ints
    test: Ints

    @property
    def training(self) -> Ints:
        return np.union1d(self.train, self.valid)

    @classmethod
    def of(cls, segments: Segments, fold: Fold, inner: Fold, name: str) -> "_Parts":
        item = segments.items[segments.subjects == segments.subjects[0]]  # of each row of the dataset
        shared = np.intersect1d(item[fold.train], item[fold.test])
        if len(shared):
            raise BadDataset(
                f"{len(shared)} stimuli stand on both sides of a fold: the same answer would be trained and sought.",
                where=f"dataset {name!r}: split",
                mend="Give equal stimuli one group, and hold groups out whole.",
                code="duplicates-across-folds",
            )
        train, valid = (item[fold.train[part]] for part in inner)
        return cls(np.setdiff1d(train, valid), np.unique(valid), np.unique(item[fold.test]))


@dataclass
class _Gathered:
    """Ranks of folds by decoder and subject."""

    parts: dict[tuple[str, str], list[Ranks]]
    names: Sequence[str] = field(default_factory=tuple)

    def add(self, kind: str, scores: Floats, items: Ints, subjects: Ints, test: Ints) -> None:
        everyone = {"single": np.arange(len(items))}
        everyone |= {name: np.flatnonzero(subjects == code) for code, name in enumerate(self.names)}
        if len(self.names) > 1:
            self.parts.setdefault((kind, ALL), []).append(ranked(*over_subjects(scores, items), test))
        for name, rows in everyone.items():
            self.parts.setdefault((kind, name), []).append(ranked(scores[rows], items[rows], test))

    def joined(self) -> dict[tuple[str, str], Ranks]:
        return {key: Ranks.joined(parts) for key, parts in self.parts.items()}


def _subjects(segments: Segments, items: Ints) -> Ints:
    """Subject of each window that `ridge_predictions` answers, in its order."""
    kept = np.isin(segments.items, items)
    return np.asarray(np.sort(segments.subjects[kept], kind="stable"))


def _targets(layer: Features, parts: _Parts) -> Floats:
    """Standardised columns of training items, at most `WIDTH` principal components: items x features x 1."""
    values = layer.flat().astype(np.float64)
    own = values[parts.train]
    spread = own.std(axis=0)
    moving = spread > 1e-6 * np.maximum(np.abs(own).max(axis=0), 1e-12)
    scaled = (values[:, moving] - own[:, moving].mean(axis=0)) / spread[moving]
    if scaled.shape[1] > WIDTH:
        _, _, axes = np.linalg.svd(scaled[parts.train], full_matrices=False)
        scaled = scaled @ axes[:WIDTH].T
    return np.asarray(scaled[:, :, None], np.float32)


def _chosen(segments: Segments, targets: Mapping[str, Floats], parts: _Parts, seed: int) -> str:
    """Layer whose ridge decoder ranks validation items best, the first of equals."""
    if len(targets) == 1:
        return next(iter(targets))
    relative = {}
    for name, aim in targets.items():
        made, items = ridge_predictions(segments, aim, parts.train, parts.valid, seed=seed)
        relative[name] = ranked(similarity(made, aim[parts.valid]), items, parts.valid).relative
    return min(relative, key=lambda name: relative[name])
