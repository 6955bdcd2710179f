"""sim-meg: made images seen by simulated magnetometers; simple features early, the object's form late."""

import numpy as np

from gyral.datasets.dataset import About
from gyral.datasets.simulated_cortex import Array, standardised
from gyral.datasets.simulated_sensors import Helmet, Level
from gyral.datasets.simulated_vision import conjunctions
from gyral.datasets.time_axis import TimeAxis

AXIS = TimeAxis(tuple(round(-0.075 + 0.025 * i, 3) for i in range(20)), (0.05, 0.35))
# Latency, width (s) and place of the sources (m) of each level, from early to late.
PLANTED = {
    "contrast": (0.080, 0.022, (0.02, -0.09, 0.03)),
    "orientation": (0.115, 0.024, (-0.03, -0.085, 0.04)),
    "texture": (0.150, 0.026, (0.04, -0.075, 0.055)),
    "colour": (0.190, 0.028, (-0.05, -0.06, 0.05)),
    "conjunction": (0.240, 0.032, (0.075, -0.04, 0.03)),
    "object": (0.300, 0.036, (-0.08, -0.01, 0.03)),
}
_EVERY = 3  # of the 102 magnetometers: a third keeps a score at about a minute
_RADIUS = 0.115  # m: sphere that the flat layout is lifted onto
_LOBES = ("occipital", "parietal", "temporal", "frontal")

ABOUT = About(
    name="sim-meg",
    title="Simulated MEG",
    description=(
        "Simulated. 320 made images (those of sim-vision) seen by three simulated subjects under 38 magnetometers, -75 to "
        "400 ms in steps of 25 ms, up to four repeats. Six levels of planted features drive the response one after "
        "the other, from local contrast at 80 ms to the form of the object at 300 ms; noise is 1/f and shared by neighbours."
    ),
    licence="BSD-3-Clause (made by code)",
    citation="The Gyral authors (2026). Simulated MEG, shipped with Gyral.",
    species="simulated",
    display="public",
    simulated=True,
    ordered=False,
)


def helmet() -> Helmet:
    """A third of the magnetometers of a Vectorview helmet, in their published groups; 3-D places are made up.

    mne carries the flat layout, an azimuthal drawing; it is lifted onto a sphere.
    """
    from mne.channels import read_layout, read_vectorview_selection  # slow import, only when this is made

    layout = read_layout("Vectorview-mag")
    flat = dict(zip(layout.names, layout.pos[:, :2] + layout.pos[:, 2:] / 2, strict=True))
    centre = np.mean(list(flat.values()), axis=0)
    names, groups = [], []
    for lobe in _LOBES:
        for side in ("Left", "Right"):
            own = [n for n in read_vectorview_selection(f"{side}-{lobe}") if n in flat][::_EVERY]
            names += own
            groups += [lobe] * len(own)
    shown = np.array([flat[n] for n in names]) - centre
    polar = np.hypot(*shown.T) / np.hypot(*(np.array(list(flat.values())) - centre).T).max() * np.deg2rad(105)
    turn = np.arctan2(shown[:, 1], shown[:, 0])
    places = _RADIUS * np.column_stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)])
    titles = {lobe: f"{lobe.capitalize()} sensors (simulated)" for lobe in _LOBES}
    return Helmet(
        tuple(names), np.round(places, 4), tuple(groups), "MEG", "mag", "noise sd (simulated field)", titles
    )


def levels(features: Array, forms: Array) -> list[Level]:
    """The planted levels.

    Parameters
    ----------
    features : array, samples x 16 channels x 8 x 8
        `gyral.datasets.simulated_vision.feature_map`.
    forms : array, samples x 8
        `gyral.datasets.simulated_vision.form`.
    """
    seen = {
        "contrast": _quarters(features[:, [8, 9, 15]]),
        "orientation": _quarters(features[:, 4:8]),
        "texture": _quarters(features[:, :4]),
        "colour": _quarters(features[:, 10:14]),
        "conjunction": conjunctions(features).mean(axis=(2, 3)),
        "object": forms,
    }
    return [Level(name, *PLANTED[name], standardised(seen[name])) for name in PLANTED]


def _quarters(channels: Array) -> Array:
    """Mean over the four quarters of the image, samples x (4 x channels)."""
    samples, count, height, width = channels.shape
    parts = channels.reshape(samples, count, 2, height // 2, 2, width // 2).mean(axis=(3, 5))
    return np.asarray(parts.reshape(samples, -1))
