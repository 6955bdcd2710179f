"""Functional localisers: a region is where a contrast of a subject's own runs is high, inside an anatomical mask.

The model is nilearn's: each run by itself with an AR(1) noise, and the runs together by fixed effects (precision is not
weighted: effects and variances are summed). Runs that are scored may not choose the units they are scored in (Kriegeskorte
et al. 2009, doi:10.1038/nn.2303): they are refused.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.design import design_of
from gyral.datasets.readers.files import find_files
from gyral.datasets.readers.runs import Run, runs_of, series_of
from gyral.datasets.readers.series import Series, parts_on
from gyral.datasets.readers.space import Chosen, Space, masks_of
from gyral.datasets.source import RegionSource, ResponsesSource
from gyral.datasets.source_parts import LocaliserSource
from gyral.errors import BadDataset, UnknownName
from gyral.hashing import hash_file

Floats = NDArray[np.float64]
_AT_ONCE = 1 << 25  # bytes of a run that are fitted at once (float64)
# What tells one acquisition from another in a BIDS name; space, desc, res say what was made of it.
_ENTITY = re.compile(r"(?:^|_)((?:sub|ses|task|acq|ce|dir|run)-[A-Za-z0-9]+)")


def localised(
    space: Space, source: ResponsesSource, regions: Sequence[RegionSource], folder: Path, subject: str
) -> dict[str, NDArray[np.bool_]]:
    """Where each localiser's contrast is high, by the name of its region; reads its runs.

    Raises
    ------
    BadDataset
        A localiser without a name or a place to look at (``no-mask``), with runs that are scored (``localiser-scored``), without
        a condition it contrasts (``localiser``), or on other places than the responses.
    """
    found = {}
    for region in regions:
        if region.localiser is None:
            continue
        if region.name is None:
            raise BadDataset(
                "a localiser makes one region, which needs a name.", where="regions.name", code="source"
            )
        _require_other_runs(source, region.localiser, folder, subject)
        looked_at = _looked_at(space, source, region, folder, subject)
        t = contrast_t(space, source, region.localiser, folder, subject, looked_at)
        inside = np.zeros(space.size, np.bool_)
        inside[looked_at[_highest(t, region.localiser)]] = True
        found[region.name] = inside
    return found


def contrast_t(
    space: Space,
    source: ResponsesSource,
    localiser: LocaliserSource,
    folder: Path,
    subject: str,
    places: NDArray[np.int64],
) -> Floats:
    """t of the contrast over all runs at some places; NaN where a run is constant or not finite.

    Raises
    ------
    BadDataset, UnknownName
        As `localised`.
    """
    parts, files = parts_on(space, find_files(folder, localiser.files, subject), places)
    told = source.model_copy(
        update={
            "events": localiser.events,
            "volumes": None,
            "stimulus": localiser.stimulus,
            "ignore": (),
            "tr": localiser.tr,
            "hrf": localiser.hrf,
            "high_pass": localiser.high_pass,
            "confounds": localiser.confounds,
        }
    )
    runs = runs_of(Series(space, Chosen(places, ()), parts, files), told, folder, subject)
    effect, variance = np.zeros(len(places)), np.zeros(len(places))
    for run in runs:
        own = _effects(run, told, localiser)
        effect += own[0]
        variance += own[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(variance > 0, effect / np.sqrt(variance), np.nan)


def _effects(run: Run, told: ResponsesSource, localiser: LocaliserSource) -> tuple[Floats, Floats]:
    """Effect of the contrast and its variance, units each; NaN of units that are constant or not finite."""
    from nilearn.glm import compute_contrast
    from nilearn.glm.first_level import run_glm  # slow imports, only for localisers

    present = set(run.events.label)
    for name in localiser.contrast:
        if name not in present:
            raise UnknownName(f"condition of {run.part.name} {run.name}:", name, present)
    events = list(zip(run.events.onset.tolist(), run.events.duration.tolist(), run.events.label, strict=True))
    design = design_of(events, run, told)
    weights = np.array([localiser.contrast.get(str(c), 0.0) for c in design.columns])
    series = _scaled(series_of(run), localiser, run)
    effect, variance = np.empty(series.shape[1]), np.empty(series.shape[1])
    step = max(1, _AT_ONCE // (8 * len(series)))
    for start in range(0, series.shape[1], step):
        block = slice(start, start + step)
        spread = np.ptp(series[:, block], axis=0)
        flat = (spread == 0) | ~np.isfinite(spread)
        # there is no noise to model: any numbers stand for such a unit, and its result is dropped
        own = np.where(flat, np.arange(len(series))[:, None] % 2, series[:, block]).astype(np.float64)
        labels, results = run_glm(own, design.to_numpy(), noise_model="ar1")
        contrast = compute_contrast(labels, results, weights, stat_type="t")
        effect[block] = np.where(flat, np.nan, np.ravel(contrast.effect_size()))
        variance[block] = np.where(flat, np.nan, np.ravel(contrast.effect_variance()))
    return effect, variance


def _scaled(series: NDArray[np.float32], localiser: LocaliserSource, run: Run) -> NDArray[np.float32]:
    """Percent of each unit's mean over the run."""
    if localiser.scale == "none":
        return series
    mean = series.mean(axis=0, dtype=np.float64)
    spread = series.std(axis=0, dtype=np.float64)
    if np.nanmedian(mean - spread) <= 0:
        raise BadDataset(
            "its mean is not above its spread: the mean was taken out already, so there is nothing to be percent of.",
            where=f"{run.part.name} {run.name}",
            mend='scale = "none" in regions.localiser takes the numbers as they are.',
            code="localiser",
        )
    # outside the brain a mean may be 0; such a unit is constant, or noise round nothing
    return np.asarray(np.where(mean > 0, 100 * (series / np.where(mean > 0, mean, 1) - 1), 0), np.float32)


def _highest(t: Floats, localiser: LocaliserSource) -> NDArray[np.int64]:
    """Places of ``t`` that are in the region."""
    fine = np.flatnonzero(np.isfinite(t))
    if localiser.top is not None:
        count = round(len(t) * localiser.top / 100)
        fine = fine[np.argsort(-t[fine], kind="stable")[:count]]
    if localiser.t is not None:
        fine = fine[t[fine] > localiser.t]
    return np.sort(fine).astype(np.int64)


def _looked_at(
    space: Space, source: ResponsesSource, region: RegionSource, folder: Path, subject: str
) -> NDArray[np.int64]:
    """Places inside the region's mask and the responses'."""
    masks = [] if source.mask is None else [masks_of(folder, source.mask, subject)]
    masks += [] if region.mask is None else [find_files(folder, region.mask, subject)]
    if not masks:
        raise BadDataset(
            f"neither responses.mask nor the mask of region {region.name!r} says where its localiser looks.",
            where="regions.localiser",
            mend='Name an anatomical mask: mask = "sub-01_fusiform.nii.gz".',
            code="no-mask",
        )
    inside = np.ones(space.size, np.bool_)
    for paths in masks:
        inside &= space.labels(paths)[0] > 0
    if not inside.any():
        raise BadDataset(
            f"nothing is inside the mask of region {region.name!r} for subject {subject!r}.",
            where="regions.mask",
            code="empty-mask",
        )
    return np.flatnonzero(inside).astype(np.int64)


def _require_other_runs(source: ResponsesSource, localiser: LocaliserSource, folder: Path, subject: str) -> None:
    """Refuse runs that are scored: the same files, copies of them, the same events, or one acquisition by its BIDS name."""
    scored = find_files(folder, source.files, subject)
    own = find_files(folder, localiser.files, subject)
    tables = [] if source.events is None else find_files(folder, source.events, subject)
    for path in own:
        if any(_is_same(path, other) for other in scored):
            raise _scored(path, "it is among the files of the responses")
    mine = {p.resolve() for p in find_files(folder, localiser.events, subject)}
    if shared := mine & {p.resolve() for p in tables}:
        raise _scored(min(shared), "its events are those of a run that is scored")
    names = {_acquisition(p.name): p.name for p in scored}
    for path in own:
        run = _acquisition(path.name)
        if run is not None and run in names:
            raise _scored(path, f"it is the run of {names[run]}")


def _scored(path: Path, why: str) -> BadDataset:
    return BadDataset(
        f"{why}: the contrast would choose units by the trials that are scored in them.",
        where=str(path),
        mend="Name runs that the responses leave out, or localise by a mask that others made.",
        code="localiser-scored",
    )


def _is_same(one: Path, other: Path) -> bool:
    if one.resolve() == other.resolve():
        return True
    return one.stat().st_size == other.stat().st_size and hash_file(one) == hash_file(other)


def _acquisition(name: str) -> frozenset[str] | None:
    """Subject, session, task and run of a BIDS name of a series; None of other names."""
    found = frozenset(_ENTITY.findall(name))
    return found if any(e.startswith("task-") for e in found) else None
