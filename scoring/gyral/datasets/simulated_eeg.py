"""sim-eeg: made sentences read under simulated electrodes; length early, words and roles late."""

from collections.abc import Sequence

import numpy as np

from gyral.datasets.dataset import About
from gyral.datasets.simulated_cortex import standardised
from gyral.datasets.simulated_language import bag, before, length, roles
from gyral.datasets.simulated_sensors import Helmet, Level
from gyral.datasets.simulated_sentences import Sentence
from gyral.datasets.time_axis import TimeAxis

AXIS = TimeAxis(tuple(round(-0.1 + 0.05 * i, 3) for i in range(19)), (0.05, 0.75))
PLANTED = {
    "length": (0.120, 0.040, (0.0, -0.08, 0.03)),
    "passage": (0.250, 0.050, (0.03, 0.06, 0.05)),
    "words": (0.400, 0.055, (0.0, -0.03, 0.08)),
    "roles": (0.600, 0.065, (-0.05, 0.02, 0.06)),
}
_GROUPS = {"frontal": ("Fp", "AF", "F"), "central": ("FC", "C", "T", "CP"), "posterior": ("P", "PO", "O")}

ABOUT = About(
    name="sim-eeg",
    title="Simulated EEG",
    description=(
        "Simulated. 400 made sentences (those of sim-language) read by three simulated subjects under 32 electrodes, -100 "
        "to 800 ms after the last word in steps of 50 ms, up to four repeats. Sentence length drives the response at 120 "
        "ms, the passage so far at 250 ms, words at 400 ms, who did what to whom at 600 ms; noise is 1/f and shared by neighbours."
    ),
    licence="BSD-3-Clause (made by code)",
    citation="The Gyral authors (2026). Simulated EEG, shipped with Gyral.",
    species="simulated",
    display="public",
    simulated=True,
    ordered=True,
)


def helmet() -> Helmet:
    """The 32 places of a BioSemi cap, as mne's montage has them."""
    from mne.channels import make_standard_montage  # slow import, only when this is made

    places = make_standard_montage("biosemi32").get_positions()["ch_pos"]
    of = {part: group for group, parts in _GROUPS.items() for part in parts}
    groups = tuple(of[name.rstrip("0123456789z")] for name in places)
    titles = {group: f"{group.capitalize()} electrodes (simulated)" for group in _GROUPS}
    return Helmet(
        tuple(places),
        np.round(np.array(list(places.values())), 4),
        groups,
        "EEG",
        "eeg",
        "noise sd (simulated potential)",
        titles,
    )


def levels(sentences: Sequence[Sentence]) -> list[Level]:
    """The planted levels."""
    trace = before(sentences)
    # The first sentence of a passage has none before it.
    seen = {
        "length": length(sentences),
        "passage": trace,
        "words": bag(sentences),
        "roles": roles(sentences),
    }
    return [Level(name, *PLANTED[name], standardised(seen[name])) for name in PLANTED]
