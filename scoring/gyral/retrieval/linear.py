"""Linear: the ridge decoder that every contrastive one has to beat; from a window to its target, for each subject alone."""

import numpy as np

from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.readouts.ridge import Ridge
from gyral.retrieval.scaling import CLAMP, RobustScaling
from gyral.retrieval.segments import Floats, Ints, Segments


def ridge_predictions(
    segments: Segments,
    targets: Floats,
    train: Ints,
    test: Ints,
    *,
    clamp: float | None = CLAMP,
    baseline: int = 0,
    seed: int = 0,
) -> tuple[Floats, Ints]:
    """Predicted targets of the test windows, and the windows' items.

    A map for each subject, as no two have the same sensors over the same sources; scaled and clamped as for the contrastive decoder,
    one penalty for each column of the target, chosen inside the training items.

    Parameters
    ----------
    segments : Segments
    targets : array, items x features x times
    train, test : int array
        Items.
    clamp, baseline
        As in `RobustScaling.fit`.
    seed : int

    Returns
    -------
    predictions : array, windows x features x times
    items : int array, one a window
    """
    scaling = RobustScaling.fit(segments.of_items(train), clamp=clamp, baseline=baseline)
    flat = np.asarray(targets, np.float32).reshape(len(targets), -1)
    found, items = [], []
    for subject in np.unique(segments.subjects):
        mine = np.flatnonzero(segments.subjects == subject)
        own = Segments(segments.windows[mine], segments.subjects[mine], segments.items[mine], segments.places)
        scaled = scaling(own)
        features = Features("window", scaled.reshape(len(scaled), -1))
        rows, held = (np.flatnonzero(np.isin(own.items, part)) for part in (train, test))
        inner = contiguous(len(rows), 5).folds
        fitted = Ridge().fit(features, flat[own.items], rows, inner, seed=seed)
        found.append(fitted.predict(features, held))
        items.append(own.items[held])
    predicted = np.concatenate(found).reshape(-1, *targets.shape[1:])
    return predicted, np.concatenate(items)
