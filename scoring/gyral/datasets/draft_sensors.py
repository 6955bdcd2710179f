"""Draft sensors: ``[responses]`` and ``[epochs]`` of M/EEG, with the times and sensors that the first file's header says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gyral.datasets.draft_patterns import pattern_of
from gyral.datasets.draft_series import Group, beside, groups_of
from gyral.datasets.readers.mne_files import UNITS, open_recording, reading
from gyral.datasets.source import TODO
from gyral.datasets.source_look import Look
from gyral.errors import UserError


@dataclass(frozen=True)
class Header:
    """What a recording says of itself.

    Parameters
    ----------
    times : tuple of float, or None
        First and last, seconds after the event; None of a raw recording, which is still to be cut.
    picks : str
        The first type of sensors that can be read; "" where nothing is known.
    """

    times: tuple[float, float] | None = None
    picks: str = ""


def recordings_of(seen: Look) -> Group:
    """The recordings to draft: of one task, epochs of a derivative before raw ones."""
    return groups_of(seen.files["recording"], seen.files.get("events", []))[0]


def recording_lines(folder: Path, seen: Look, subjects: Sequence[str]) -> list[str]:
    """``[responses]`` and ``[epochs]``; other groups of recordings as comments."""
    group, header = recordings_of(seen), header_of(folder / recordings_of(seen).paths[0])
    names = ", ".join(f'"{s}"' for s in subjects)
    lines = ['reader = "mne"               # FIF, SET, EDF, BDF, BrainVision: raw, epochs or averages', f'kind = "{TODO}"              # "EEG", "MEG", "ECoG"',
             f'unit = "{TODO}"              # "µV", "fT", "fT/cm"; "z" or "a.u." takes the numbers as they are',
             f"files = {pattern_of(group.paths, subjects)}", f"subjects = [{names}]"]  # fmt: skip
    for other in groups_of(seen.files["recording"], seen.files.get("events", [])):
        if other != group:
            lines.append(f"# There are also {other.says()}: files = {pattern_of(other.paths, subjects)}")
    # what is cut already names its trials itself
    if header.times is None and (events := beside(group, seen.files.get("events", []))):
        lines += [f"events = {pattern_of(events, subjects)}",
                  'stimulus = "trial_type"      # column of the events that names the stimulus']  # fmt: skip
    for kind, says in (("channels", "types, and channels that are bad"), ("electrodes", "places; regions may name its columns")):  # fmt: skip
        if found := beside(group, seen.files.get(kind, [])):
            lines.append(f"{kind} = {pattern_of(found, subjects)}   # {says}")
    return [*lines, "", *_epochs(header, "ecog" if seen.files.get("channels") else header.picks or "eeg")]


def header_of(path: Path) -> Header:
    """Times and sensors of a recording; nothing where it cannot be read: the build says why."""
    try:
        with reading(str(path)):
            kind, held = open_recording(path)
            first = held[0] if kind == "averages" else held
            types = set(first.get_channel_types())
            times = None if kind == "raw" else (round(float(first.times[0]), 6), round(float(first.times[-1]), 6))
    except UserError:
        return Header()
    return Header(times, next((kind for kind in UNITS if kind in types), ""))


def _epochs(header: Header, picks: str) -> list[str]:
    start, stop = header.times or (-0.1, 0.6)
    window = (max(0.05, start), min(0.5, stop))
    first, last = window if window[0] < window[1] else (start, stop)
    said = (
        "seconds round each event" if header.times is None else "seconds round each event: those of the first file"
    )
    lines = ["[epochs]", f"start = {start:<20} # {said}", f"stop = {stop}",
             f"window = [{first}, {last}]         # first and last time that regions hold",
             f'picks = "{picks}"                # "eeg", "mag", "grad", "seeg", "ecog"']  # fmt: skip
    if start >= 0:
        lines.append('baseline = "none"            # no time before the event is in the file')
    return [*lines, '# events = { 1 = "house" }    # codes of a stimulus channel, where no table and no annotation names events',
            "# low = 0.1                  # filter before cutting, Hz", "# high = 40.0", "# rate = 100.0               # samples a second; divides that of the files",
            '# montage = "standard_1020"  # where files have no places of sensors', ""]  # fmt: skip
