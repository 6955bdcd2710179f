"""Extract: run a model once over the stimuli and keep every wanted layer in the cache."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadFeatures
from gyral.features.cache import Entry, UnfitForHalf
from gyral.features.features import Features
from gyral.hashing import hash_json
from gyral.models.activation import require_finite
from gyral.models.model import Array, Batch, Model, Reduction
from gyral.progress import Progress, silent
from gyral.provenance import code_hash
from gyral.room import make_room

# Models, and what they read stimuli by.
_MADE_BY = ("models", "datasets/rgb.py", "datasets/sound.py", "datasets/spectrogram.py")


def extract(
    model: Model,
    stimuli: StimulusSet,
    layers: Sequence[str],
    *,
    reduction: Reduction | None = None,
    progress: Progress = silent,
    step: str = "features",
    folder: Path | None = None,
) -> dict[str, Features]:
    """All ``layers`` of ``model`` over ``stimuli``, from the cache where it has them.

    Missing layers are computed in one pass. A killed extraction resumes at the first row not done. The positions
    of a text are a sequence (of words, see `Reduction.words`), as are those of a sound; those of an image are a grid. A layer without positions
    stays flat, whatever was asked for.

    Parameters
    ----------
    model : Model
    stimuli : StimulusSet
    layers : sequence of str
        Out of ``model.layers()``.
    reduction : Reduction, optional
        Declared by the evaluation; default `Reduction()`.
    progress : Progress
        Told the number of stimuli done.
    folder : Path, optional
        Where features are looked for and kept; default: the cache.

    Raises
    ------
    BadFeatures
        A layer's values are not finite, a batch does not fit the stimuli, or words were asked for and a layer
        has another number of positions or nothing but zeros for a text (``features-words``).
    OutOfResources
        The disk is full.
    """
    reduction = reduction or Reduction()
    # The code that makes features is part of the key: an upgrade never serves stale arrays.
    key = hash_json([model.hash, stimuli.content_hash, reduction.key, *map(code_hash, _MADE_BY)])[:32]
    entry = Entry(key, len(stimuli), folder)
    wanted = tuple(layers)
    with entry.locked():
        if entry.rows_done(wanted) < len(stimuli):
            missing = tuple(name for name in wanted if entry.rows_done((name,)) < len(stimuli))
            try:
                _run(model, stimuli, missing, reduction, entry, progress, step, full_precision=False)
            except UnfitForHalf:
                entry.clear()
                _run(model, stimuli, wanted, reduction, entry, progress, step, full_precision=True)
        found = {name: _named(name, entry, stimuli) for name in wanted}
    progress(step, len(stimuli), len(stimuli))
    make_room(keep=entry.folder)
    return found


def _named(layer: str, entry: Entry, stimuli: StimulusSet) -> Features:
    array = entry.read(layer)
    return Features(layer, array, sequence=stimuli.modality in ("text", "sound") and array.ndim == 3)


def _run(
    model: Model,
    stimuli: StimulusSet,
    layers: tuple[str, ...],
    reduction: Reduction,
    entry: Entry,
    progress: Progress,
    step: str,
    *,
    full_precision: bool,
) -> None:
    start = entry.rows_done(layers)
    rest = stimuli.subset(range(start, len(stimuli)))
    done = start
    for batch in _checked(model.batches(rest, layers, reduction=reduction), layers, rest, reduction):
        entry.write(done, dict(batch.arrays), full_precision=full_precision)
        done += len(batch)
        progress(step, done, len(stimuli))
    if done != len(stimuli):
        raise BadFeatures(
            f"the model answered {done} of {len(stimuli)} stimuli.", where="features", code="features-rows"
        )


def _checked(
    batches: Iterator[Batch], layers: tuple[str, ...], stimuli: StimulusSet, reduction: Reduction
) -> Iterator[Batch]:
    expected = 0
    for batch in batches:
        if batch.start != expected:
            raise BadFeatures(
                f"a batch starts at row {batch.start}, expected {expected}.",
                where="features",
                code="features-rows",
            )
        for layer in layers:
            if layer not in batch.arrays:
                raise BadFeatures("the model did not return this layer.", where=f"layer {layer!r}")
            array = batch.arrays[layer]
            if len(array) != len(batch) or expected + len(array) > len(stimuli):
                raise BadFeatures(
                    f"{len(array)} rows in a batch of {len(batch)}.",
                    where=f"layer {layer!r}",
                    code="features-rows",
                )
            require_finite(layer, array, stimuli, expected)
            if reduction.words and stimuli.modality == "text" and array.ndim == 3:
                _require_words(layer, array, reduction.words, stimuli.ids[expected:])
        expected += len(batch)
        yield batch


def _require_words(layer: str, array: Array, words: int, ids: tuple[str, ...]) -> None:
    if array.shape[1] != words:
        raise BadFeatures(
            f"{array.shape[1]} positions a text where {words} words were asked for.",
            where=f"layer {layer!r}",
            code="features-words",
        )
    # Zeros at the end are padding: a text of nothing else has no position a readout could look at.
    empty = np.flatnonzero(~array.any(axis=(1, 2)))
    if len(empty):
        raise BadFeatures(
            f"every word of stimulus {ids[int(empty[0])]!r} is zero in every channel.",
            where=f"layer {layer!r}",
            mend="Leave the layer out (`--layers`), or choose the readout 'ridge'.",
            code="features-words",
        )
