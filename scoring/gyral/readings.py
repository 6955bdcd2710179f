"""What fits say besides predictions: penalties, receptive fields, shares of feature spaces, maps of positions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gyral.datasets.region import Region
from gyral.datasets.stimulus import StimulusSet
from gyral.fitting import LayerFits
from gyral.models.card import ModelCard
from gyral.record import MapRef, ReceptiveField
from gyral.scores.problem import Problem

Array = NDArray[np.floating[Any]]

# Columns that span magnitudes are averaged as logarithms.
_GEOMETRIC = {"penalty"}


def seen_degrees(stimuli: StimulusSet, card: ModelCard) -> float | None:
    """Width in degrees of visual angle of what the model sees: the centre square its card's crop leaves.

    None where the stimulus set does not know the width of its images.
    """
    if stimuli.degrees is None or not stimuli.files:
        return None
    with Image.open(stimuli.files[0]) as image:
        width, height = image.size
    return stimuli.degrees * card.image.crop * min(width, height) / width


def unit_columns(
    fits: Sequence[LayerFits], problem: Problem, region: Region, picks: Sequence[Sequence[int]]
) -> dict[str, Array]:
    """Figures of the chosen layers' fits, one number a unit of the region: mean over draws and folds.

    Parameters
    ----------
    fits : sequence of LayerFits
        One a draw.
    picks : draws x folds
        Which layer was chosen.

    Returns
    -------
    dict of str to float64 array
        Traits and explained shares by name, and the receptive field once more in degrees where the stimulus
        set knows them: ``rf_x_deg`` (to the right of fixation, the images' centre unless the set says where they
        stood), ``rf_y_deg`` (upwards), ``rf_size_deg``.
    """
    sizes = np.array([len(f.test) for f in problem.split.folds], float)
    names = dict.fromkeys(n for fit in fits for n in (*fit.traits, *fit.explained))
    out = {}
    for name in names:
        values, weights = [], []
        for fit, pick in zip(fits, picks, strict=True):
            source = fit.traits.get(name, fit.explained.get(name))
            if source is not None:
                values += [source[f, k, region.units] for f, k in enumerate(pick)]
                weights += sizes.tolist()
        stacked = np.asarray(values, np.float64)
        if name in _GEOMETRIC:
            out[name] = 10 ** _mean(np.log10(np.where(stacked > 0, stacked, np.nan)), weights)
        else:
            out[name] = _mean(stacked, weights)
    if problem.degrees is not None and "rf_x" in out:
        right, up = problem.position
        out["rf_x_deg"] = (out["rf_x"] - 0.5) * problem.degrees + right
        out["rf_y_deg"] = (0.5 - out["rf_y"]) * problem.degrees + up
        out["rf_size_deg"] = out["rf_size"] * problem.degrees
    return out


def summaries(columns: Mapping[str, Array], mine: NDArray[np.int64]) -> dict[str, Any]:
    """What a `Row` says of these figures: medians over the units of ``mine``."""
    found: dict[str, Any] = {}
    for field, prefix in (("shares", "share:"), ("unique", "unique:"), ("weights", "weight:")):
        medians = {n.removeprefix(prefix): _median(v[mine]) for n, v in columns.items() if n.startswith(prefix)}
        found[field] = {k: v for k, v in medians.items() if v is not None}
    if "rf_x" in columns:
        degrees = "rf_x_deg" in columns
        x, y, size = (columns[f"rf_{n}_deg" if degrees else f"rf_{n}"][mine] for n in ("x", "y", "size"))
        found["receptive_field"] = ReceptiveField(
            x=_median(x),
            y=_median(y),
            size=_median(size),
            unit="degrees" if degrees else "share",
            n_units=int(np.isfinite(x).sum()),
        )
    return found


def map_arrays(
    fit: LayerFits, problem: Problem, picks: Mapping[str, Sequence[int]], ids: Sequence[str]
) -> tuple[tuple[MapRef, ...], dict[str, Array]]:
    """Maps of each region and subject, of the layer chosen in most folds.

    Parameters
    ----------
    fit : LayerFits
    problem : Problem
    picks : mapping of region to the layer chosen in each fold
    ids : sequence of str
        Stimulus of each sample.

    Returns
    -------
    references : tuple of MapRef
    arrays : dict of name to array, (1 + examples) x positions
        The mean over held-out samples first, then single ones; float32.
    """
    references: list[MapRef] = []
    arrays: dict[str, Array] = {}
    for n, part in enumerate(problem.parts):
        region, subject = part.path
        k = Counter(picks[region]).most_common(1)[0][0]
        readings = fit.readings.get((k, n))
        if not readings:
            continue
        rows = np.concatenate([r.rows for r in readings])
        name = f"map{len(references)}"
        mean = np.mean([r.mean for r in readings], axis=0)
        arrays[name] = np.concatenate([mean[None], *(r.examples for r in readings)]).astype(np.float32)
        references.append(
            MapRef(
                name=name,
                region=region,
                subject=subject,
                layer=fit.layers[k],
                grid=fit.grids[k],
                stimuli=tuple(ids[i] for i in rows),
            )
        )
    return tuple(references), arrays


def _mean(values: Array, weights: Sequence[float]) -> Array:
    known = np.isfinite(values)
    weight = np.where(known, np.asarray(weights)[:, None], 0.0)
    total = weight.sum(axis=0)
    mean = (weight * np.where(known, values, 0.0)).sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, mean, np.nan)


def _median(values: Array) -> float | None:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else None
