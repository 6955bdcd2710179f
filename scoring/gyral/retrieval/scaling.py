"""Scaling: windows on one scale for every recording, artefacts cut off, fitted on training windows."""

from dataclasses import dataclass

import numpy as np

from gyral.retrieval.segments import Floats, Segments

CLAMP = 20.0


@dataclass(frozen=True, eq=False)
class RobustScaling:
    """``clip((x - median) / (q75 - q25), -clamp, clamp)`` for each sensor of each subject.

    A single artefact is a thousand times the signal: it hardly moves a quartile, but left in the data it decides every
    gradient. Of all ablations of Défossez et al. (2023), leaving the clamp out costs most.

    Parameters
    ----------
    median, spread : array, subjects x sensors
    clamp : float or None
        None: nothing is cut off.
    baseline : int
        Times at the start of a window whose mean is taken off first.
    """

    median: Floats
    spread: Floats
    clamp: float | None
    baseline: int

    @classmethod
    def fit(cls, segments: Segments, *, clamp: float | None = CLAMP, baseline: int = 0) -> "RobustScaling":
        """Of the windows of each subject; a subject without windows keeps its scale."""
        shape = (segments.n_subjects, segments.windows.shape[1])
        median, spread = np.zeros(shape), np.ones(shape)
        for subject in np.unique(segments.subjects):
            own = _baselined(segments.windows[segments.subjects == subject], baseline)
            low, middle, high = np.percentile(own, (25, 50, 75), axis=(0, 2))
            # A flat sensor says nothing; dividing by its spread would make it say much.
            median[subject], spread[subject] = middle, np.where(high > low, high - low, np.inf)
        return cls(median, spread, clamp, baseline)

    def __call__(self, segments: Segments) -> Floats:
        """Scaled windows, windows x sensors x times, float32."""
        own = _baselined(segments.windows, self.baseline)
        middle, spread = self.median[segments.subjects], self.spread[segments.subjects]
        scaled = (own - middle[:, :, None]) / spread[:, :, None]
        return np.asarray(scaled if self.clamp is None else scaled.clip(-self.clamp, self.clamp), np.float32)


def _baselined(windows: Floats, count: int) -> Floats:
    return windows - windows[:, :, :count].mean(axis=2, keepdims=True) if count else windows
