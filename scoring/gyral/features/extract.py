"""Extract: run a model once over the stimuli and keep every wanted layer in the cache."""

from collections.abc import Iterator, Sequence

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadFeatures
from gyral.features.cache import Entry, HalfOverflow
from gyral.features.features import Features
from gyral.hashing import hash_json
from gyral.models.activation import require_finite
from gyral.models.model import Batch, Model, Reduction
from gyral.progress import Progress, silent
from gyral.provenance import code_hash
from gyral.room import make_room


def extract(
    model: Model,
    stimuli: StimulusSet,
    layers: Sequence[str],
    *,
    reduction: Reduction | None = None,
    progress: Progress = silent,
    step: str = "features",
) -> dict[str, Features]:
    """All ``layers`` of ``model`` over ``stimuli``, from the cache where it has them.

    Missing layers are computed in one pass. A killed extraction resumes at the first row not done.

    Parameters
    ----------
    model : Model
    stimuli : StimulusSet
    layers : sequence of str
        Out of ``model.layers()``.
    reduction : Reduction, optional
        Declared by the benchmark; default `Reduction()`.
    progress : Progress
        Told the number of stimuli done.

    Raises
    ------
    BadFeatures
        A layer's values are not finite, or a batch does not fit the stimuli.
    OutOfResources
        The disk is full.
    """
    reduction = reduction or Reduction()
    # The code that makes features is part of the key: an upgrade never serves stale arrays.
    key = hash_json([model.hash, stimuli.content_hash, reduction.key, code_hash("models")])[:32]
    entry = Entry(key, len(stimuli))
    wanted = tuple(layers)
    with entry.locked():
        if entry.rows_done(wanted) < len(stimuli):
            missing = tuple(name for name in wanted if entry.rows_done((name,)) < len(stimuli))
            try:
                _run(model, stimuli, missing, reduction, entry, progress, step, full_precision=False)
            except HalfOverflow:
                entry.clear()
                _run(model, stimuli, wanted, reduction, entry, progress, step, full_precision=True)
        found = {name: Features(name, entry.read(name)) for name in wanted}
    progress(step, len(stimuli), len(stimuli))
    make_room(keep=entry.folder)
    return found


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
    for batch in _checked(model.batches(rest, layers, reduction=reduction), layers, rest):
        entry.write(done, dict(batch.arrays), full_precision=full_precision)
        done += len(batch)
        progress(step, done, len(stimuli))
    if done != len(stimuli):
        raise BadFeatures(
            f"the model answered {done} of {len(stimuli)} stimuli.", where="features", code="features-rows"
        )


def _checked(batches: Iterator[Batch], layers: tuple[str, ...], stimuli: StimulusSet) -> Iterator[Batch]:
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
        expected += len(batch)
        yield batch
