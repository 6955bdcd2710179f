"""BOLD series with events: one estimate a trial, by windows or by nilearn's general linear model, run by run."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.design import design_of
from gyral.datasets.readers.events import Events, check_events
from gyral.datasets.readers.images import open_series
from gyral.datasets.readers.plain import described_units
from gyral.datasets.readers.recording import Array, Part, Recording
from gyral.datasets.readers.runs import Run, runs_of, series_of
from gyral.datasets.source import RegionSource, ResponsesSource
from gyral.errors import BadDataset

Floats = NDArray[np.float64]
_AT_ONCE = 1 << 25  # bytes of a run that are cleaned or fitted at once (float64)


def open_bold(
    source: ResponsesSource, regions: Sequence[RegionSource], folder: Path, subject: str, *, named: bool
) -> Recording:
    """One row an event, in the order of runs and onsets; series are read when rows are asked for.

    One run of the chosen units (float32) is in memory at a time.

    Parameters
    ----------
    named : bool
        True where events name stimuli of a table; False: every event is a stimulus of its own, ``RUN-LABEL``.

    Raises
    ------
    BadDataset
        Files, times, events or confounds do not fit each other.
    """
    series = open_series(source, regions, folder, subject)
    runs = runs_of(series, source, folder, subject)
    shown = [_shown(run, source, named=named) for run in runs]
    return Recording(
        subject=subject,
        shown=pd.concat(shown, ignore_index=True),
        units=described_units(
            series.space.units(series.chosen.places, space=source.space), source, folder, subject
        ),
        parts=tuple(_part(run, source, len(own)) for run, own in zip(runs, shown, strict=True)),
        regions=series.chosen.regions,
    )


def _shown(run: Run, source: ResponsesSource, *, named: bool) -> pd.DataFrame:
    labels = run.events.without(source.ignore).label
    if not labels:
        raise BadDataset(
            f"run {run.name!r} has no event besides {source.ignore!r}.", where=run.part.name, code="no-events"
        )
    if named:
        return pd.DataFrame({"stimulus": list(labels)})
    seen: dict[str, int] = {}
    ids = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        ids.append(f"{run.name}-{label}" + (f"-{seen[label]}" if seen[label] > 1 else ""))
    return pd.DataFrame({"stimulus": ids, "label": list(labels), "group": run.name})


def _part(run: Run, source: ResponsesSource, rows: int) -> Part:
    if source.estimate == "average":
        _check_windows(run, source)

    def blocks(most: int) -> Iterator[Array]:
        series = series_of(run)
        out = np.empty((rows, series.shape[1]), np.float64)
        step = max(1, _AT_ONCE // (8 * len(series)))
        for start in range(0, series.shape[1], step):
            own = np.asarray(series[:, start : start + step], np.float64)
            out[:, start : start + step] = _estimates(own, run, source)
        for start in range(0, rows, most):
            yield out[start : start + most]

    return Part(rows, blocks, f"{run.part.name} {run.name}")


def _estimates(series: Floats, run: Run, source: ResponsesSource) -> Floats:
    events = run.events.without(source.ignore)
    if source.estimate == "average":
        return window_means(clean_run(series), events.onset, tr=run.tr, window=source.window)
    return trial_betas(series, run, source)


def clean_run(series: Floats) -> Floats:
    """Linear trend out and variance to one, volumes x units; a unit that is constant is 0."""
    time = np.linspace(-1.0, 1.0, len(series))[:, None]
    centred = series - series.mean(axis=0)
    rest = centred - time * (time * centred).sum(axis=0) / (time**2).sum()
    spread = rest.std(axis=0)
    flat = spread <= 1e-9 * np.abs(series).max(axis=0)
    return np.asarray(np.where(flat, 0.0, rest / np.where(flat, 1.0, spread)))


def window_means(series: Floats, onsets: Floats, *, tr: float, window: tuple[float, float]) -> Floats:
    """Mean over the volumes that start within ``window`` seconds of each onset, onsets x units."""
    return np.stack([series[_within(len(series), onset, tr, window)].mean(axis=0) for onset in onsets])


def trial_betas(series: Floats, run: Run, source: ResponsesSource) -> Floats:
    """One weight a trial, trials x units, by ordinary least squares.

    ``lsa``: a regressor for each trial in one model (least squares, all). ``lss``: a model for each trial, with one
    regressor for it and one for all other trials (least squares, separate; Mumford et al. 2012,
    doi:10.1016/j.neuroimage.2011.08.076). Cosine drifts up to ``high_pass``, declared confounds, and one regressor for each
    ignored condition enter every model.

    Raises
    ------
    BadDataset
        Trials cannot be told apart (``design-rank``).
    """
    from nilearn.glm.first_level import run_glm  # slow import, only for this estimate

    ignored = [(o, d, n) for o, d, n in _rows(run.events) if n in source.ignore]
    trials = [(o, d) for o, d, n in _rows(run.events) if n not in source.ignore]
    if source.estimate == "lsa":
        design = design_of([(o, d, f"trial{i:05d}") for i, (o, d) in enumerate(trials)] + ignored, run, source)
        _, results = run_glm(series, design.to_numpy(), noise_model="ols")
        wanted = [design.columns.get_loc(f"trial{i:05d}") for i in range(len(trials))]
        return np.asarray(next(iter(results.values())).theta[wanted])
    found = []
    for i, (onset, duration) in enumerate(trials):
        others = [(o, d, "others") for j, (o, d) in enumerate(trials) if j != i]
        design = design_of([(onset, duration, "this"), *others, *ignored], run, source)
        _, results = run_glm(series, design.to_numpy(), noise_model="ols")
        found.append(next(iter(results.values())).theta[design.columns.get_loc("this")])
    return np.stack(found)


def _rows(events: Events) -> list[tuple[float, float, str]]:
    return list(zip(events.onset.tolist(), events.duration.tolist(), events.label, strict=True))


def _within(volumes: int, onset: float, tr: float, window: tuple[float, float]) -> NDArray[np.bool_]:
    seconds = np.arange(volumes) * tr - onset
    # onsets and TR are decimals: a volume may miss a border by the last digit only
    return np.asarray((seconds >= window[0] - 1e-6) & (seconds < window[1] - 1e-6))


def _check_windows(run: Run, source: ResponsesSource) -> None:
    events = run.events.without(source.ignore)
    check_events(
        events,
        run.volumes * run.tr,
        f"run of {run.volumes} volumes of {run.tr:g} s",
        f"{run.part.name} {run.name}",
    )
    empty = [o for o in events.onset.tolist() if not _within(run.volumes, o, run.tr, source.window).any()]
    if empty and empty[0] + source.window[0] < run.volumes * run.tr:
        raise BadDataset(
            f"no volume starts from {source.window[0]:g} to {source.window[1]:g} s after the event at {empty[0]:g} s.",
            where=f"{run.part.name} {run.name}",
            mend=f"responses.window must hold a volume of {run.tr:g} s, and begin before it ends.",
            code="events-outside",
        )
    end = run.volumes * run.tr
    last = float(events.onset[-1]) + source.window[1]
    if last > end + run.tr or not _within(run.volumes, float(events.onset[-1]), run.tr, source.window).any():
        raise BadDataset(
            f"the window of the last event ends at {last:g} s, the run at {end:g} s.",
            where=f"{run.part.name} {run.name}",
            mend="Use a shorter responses.window, or leave that event out.",
            code="events-outside",
        )
