"""Lag scan: do responses belong to the stimuli they are listed with?"""

from dataclasses import replace

import numpy as np

from gyral.canaries.case import Array, Case, of_rows
from gyral.canaries.finding import Finding
from gyral.canaries.scored import fit, region_values, standard_errors, stretches
from gyral.canaries.verdict import MEAN, TAIL, Cell, not_applicable, score_of, why_not
from gyral.datasets.near import image_prints
from gyral.datasets.sound_print import PARTS, sound_prints
from gyral.datasets.spectrogram import BANDS
from gyral.datasets.split import Rows
from gyral.datasets.stimulus import StimulusSet
from gyral.features.timed import Placement
from gyral.scores.confidence import t_quantile

NAME, TITLE = "lag-scan", "Lag scan"
TESTED = "Surface properties of the stimuli (length of words and texts; light and colour; levels of sounds), against responses of other rows"
REACH = 3
_LONGEST = 8  # rows either way, at most
_BLOCKS = 4  # squares of an image along a side
_SMALLEST = 5  # rows of a group that leave some at a lag of one


def lag_scan(case: Case) -> Finding:
    """Score surface properties of the stimulus some rows earlier or later; warn where that beats the row itself."""
    if case.problem is None or not case.problem.split.folds:
        return not_applicable(NAME, TITLE, TESTED, why_not(case))
    if not case.dataset.about.ordered:
        return not_applicable(NAME, TITLE, TESTED, "The samples are declared to be in no order.")
    surface = surface_of(case.dataset.stimuli)
    if surface is not None and case.dataset.timeline is not None:
        surface = _over_samples(surface, Placement.of(case.dataset.timeline, case.dataset.stimuli))
    if surface is None:
        return not_applicable(NAME, TITLE, TESTED, "The stimuli are names: they have no surface to measure.")
    reach = _reach_of(case)
    expected = _expected(case, reach)
    kept = _inside(case, reach)
    if reach < 1 or len(kept) < len(case.rows) / 4:
        reason = f"Groups have fewer than {_SMALLEST} samples: no row has neighbours on both sides."
        return not_applicable(NAME, TITLE, TESTED, reason)
    problem = replace(
        case.problem,
        responses=case.problem.responses[kept],
        split=of_rows(case.problem.split, kept, len(case.rows)),
    )
    if not problem.split.folds:
        return not_applicable(NAME, TITLE, TESTED, "No fold keeps three samples with neighbours on both sides.")
    lags = range(-reach, reach + 1)
    spaces = {str(k): surface[case.rows[kept] - k] for k in lags}
    values, influences, found = [], [], []
    parts = stretches(problem)
    for k, predictions in zip(lags, fit(problem, spaces, case.seed).predictions, strict=True):
        value, influence = region_values(problem, predictions)
        errors, df = standard_errors(influence, parts)
        names = [region.name for region in problem.regions]
        found.append(
            [
                Cell(n, f"lag {k}", float(v), float(e), float(d))
                for n, v, e, d in zip(names, value, errors, df, strict=True)
            ]
        )
        values.append(value)
        influences.append(influence)
    count = len(names) * len(found)
    strong = [
        (c.value, i, j)
        for i, row in enumerate(found)
        for j, c in enumerate(row)
        if np.isfinite(c.value) and c.value > MEAN and c.bound(count) > 0
    ]
    facts = {"r": {f"{k:+d}": _most(v) for k, v in zip(lags, values, strict=True)}, "reach": reach}
    if not strong:
        reason = "No surface property predicts any region surely enough to tell one row from the next."
        return not_applicable(NAME, TITLE, TESTED, reason).model_copy(update={"facts": facts})
    _, i, j = max(strong)
    at = max(expected, key=lambda e: np.nan_to_num(found[e][j].value, nan=-np.inf))
    cell, own = found[i][j], found[at][j]
    gain = cell.value - own.value
    error, df = standard_errors(influences[i] - influences[at], parts)
    least = gain - t_quantile(1 - TAIL / count, float(df[j])) * float(error[j])
    facts |= {"region": cell.region, "best_lag": i - reach, "gain": round(gain, 4), "gain_bound": round(least, 4)}
    shifted = i not in expected and least > 0
    own_place = "the row's own stimulus" if case.dataset.timeline is None else "words at the declared delays"
    where = f"{cell.region}: r = {own.value:.3f} with {own_place}"
    if shifted:
        back = i - reach
        which = f"{abs(back)} row{'s' if abs(back) > 1 else ''} {'earlier' if back > 0 else 'later'}"
        reason = f"{where}, {cell.value:.3f} with that of {which} (99.9 % bound of the gain {least:.3f})."
    elif i in expected:
        reason = f"{where}, less with any other."
    else:
        reason = f"{where}; none of the others is surely better."
    return Finding(
        canary=NAME,
        title=TITLE,
        verdict="warn" if shifted else "pass",
        tested=TESTED,
        reason=reason,
        mend="Check that each response is listed with its own stimulus, and delays of the measurement."
        if shifted
        else "",
        score=score_of(cell, count),
        facts=facts,
    )


def surface_of(stimuli: StimulusSet) -> Array | None:
    """Surface properties, samples x features.

    Lengths of texts, light and colour of 4 x 4 squares of images, or duration and levels of sounds in eight bands and
    four parts.
    """
    if stimuli.modality == "text" and stimuli.texts is not None:
        return np.array([_lengths(t) for t in stimuli.texts], np.float32)
    if stimuli.modality == "image" and stimuli.files is not None:
        thumbnails = image_prints(stimuli.files, stimuli.hashes).thumbnails
        assert thumbnails is not None  # noqa: S101 - for the type checker; images have thumbnails
        side = thumbnails.shape[1] // _BLOCKS
        cut = thumbnails.reshape(len(thumbnails), _BLOCKS, side, _BLOCKS, side, 3).astype(np.float32)
        return np.asarray(cut.mean(axis=(2, 4)).reshape(len(thumbnails), -1))
    if stimuli.modality == "sound" and stimuli.files is not None:
        made = sound_prints(stimuli.files)
        levels = made[:, 1:].reshape(len(made), 8, BANDS // 8, 4, PARTS // 4).mean(axis=(2, 4))
        return np.column_stack([made[:, 0], levels.reshape(len(made), -1)]).astype(np.float32)
    return None


def _over_samples(surface: Array, placement: Placement) -> Array:
    """Words a sample and their surface, centred over all words: here nothing is held out."""
    centred = surface - surface.mean(axis=0)
    return np.column_stack([placement.rate, placement.weights @ centred]).astype(np.float32)


def _expected(case: Case, reach: int) -> list[int]:
    """Places of the lags at which responses may follow their stimuli: the row itself, or the delays of a timeline."""
    timeline = case.dataset.timeline
    delays = (0,) if timeline is None else timeline.delays
    return [reach + d for d in delays if abs(d) <= reach] or [reach]


def _lengths(text: str) -> tuple[float, float, float, float]:
    words = text.split()
    letters = sum(map(len, words))
    return len(words), letters, letters / max(len(words), 1), float(text.rstrip()[-1:] in ".!?,;:")


def _reach_of(case: Case) -> int:
    """Lags each way: up to `REACH`, fewer where groups are short."""
    timeline = case.dataset.timeline
    # Past the declared delays on either side, so that a late response is seen to be late; not past M/EEG's many lags.
    most = REACH if timeline is None else min(_LONGEST, max(abs(d) for d in timeline.delays) + REACH - 1)
    if case.groups is None:
        return most
    return min(most, int(np.median(np.bincount(case.groups)) - 1) // 4)


def _inside(case: Case, reach: int) -> Rows:
    """Places in `Case.rows` of the rows with ``reach`` neighbours of their own group on either side."""
    rows = case.rows
    fine = (rows >= reach) & (rows < case.samples - reach)
    if case.groups is not None:
        near = np.clip(rows[:, None] + np.arange(-reach, reach + 1), 0, case.samples - 1)
        fine &= (case.groups[near] == case.groups[rows][:, None]).all(axis=1)
    return np.flatnonzero(fine).astype(np.int64)


def _most(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(known.max()), 4) if known.size else None
