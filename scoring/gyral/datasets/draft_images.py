"""Draft images: ``[responses]`` of BOLD series and of maps a trial, and the regions of either."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gyral.datasets.draft_patterns import pattern_of, region_name, without_side, without_subject
from gyral.datasets.draft_series import Group, beside, fitting_of, groups_of
from gyral.datasets.readers.entities import entities_of
from gyral.datasets.source import TODO
from gyral.datasets.source_look import Look


def series_of(seen: Look) -> Group | None:
    """The BOLD series to draft: none where there are none, or single-trial maps and no events."""
    files = seen.files
    maps = [p for kind in ("volume", "surface", "cifti") for p in files.get(kind, []) if "beta" in p.lower()]
    if not files.get("bold") or (maps and not files.get("events")):
        return None
    return groups_of(files["bold"], files.get("events", []))[0]


def bold_lines(seen: Look, group: Group, subjects: Sequence[str]) -> list[str]:
    """``[responses]`` of series with events, but for subjects and masks; other groups of series as comments."""
    lines = ['reader = "bold"', 'kind = "fMRI"', 'unit = "z"             # of one estimate a trial', f"# These are {group.says()}.",
             f"files = {pattern_of(group.paths, subjects)}"]  # fmt: skip
    for other in groups_of(seen.files["bold"], seen.files.get("events", [])):
        if other != group:
            lines.append(f"# There are also {other.says()}: files = {pattern_of(other.paths, subjects)}")
    if events := beside(group, seen.files.get("events", [])):
        lines.append(f"events = {pattern_of(events, subjects)}")
    else:
        lines += ["# There is no events table of these series here; those of the raw dataset (sub-01/func/sub-01_task-..._events.tsv), copied",
                  "# beside dataset.toml, say what was shown when.",
                  f'events = "{TODO}"             # "{{subject}}/func/{{subject}}_task-*_events.tsv", one a run']  # fmt: skip
    lines += ['stimulus = "trial_type"      # column of the events that names the stimulus',
              'estimate = "lss"             # "average" (mean of a window), "lsa", "lss" (a model for each trial)',
              "# window = [4.0, 8.0]        # seconds, for \"average\"", "# tr = 2.0                  # seconds, if the header is wrong or silent",
              '# ignore = ["rest"]          # events that are no stimuli']  # fmt: skip
    if confounds := beside(group, seen.files.get("confounds", [])):
        pattern = pattern_of(confounds, subjects)
        lines.append(f'# confounds = {{ files = {pattern}, columns = ["trans_x"] }}')
    return lines


def mask_lines(seen: Look, subjects: Sequence[str]) -> list[str]:
    """Which voxels are units: the brain mask, where everybody has one; volumes need one or a region."""
    masks = [m for m in _on_grid(seen, "mask") if "brain" in m.lower()]
    if not masks:
        series = series_of(seen)
        volumes = bool(seen.files.get("volume")) if series is None else "extension" not in series.told
        if not volumes or _on_grid(seen, "mask") or _on_grid(seen, "atlas"):
            return []
        return [f'mask = "{TODO}"               # which voxels are units: a brain mask on the grid of the files']
    pattern = pattern_of(masks, subjects)
    if _one_each(masks, subjects):
        return [f"mask = {pattern}             # which voxels are units"]
    return [f"# Several brain masks a person, a run each: {pattern}. Make one of the places that all have",
            "# (nilearn.masking.intersect_masks(masks, threshold=1)) and name it.", f'mask = "{TODO}"               # which voxels are units']  # fmt: skip


def region_lines(seen: Look) -> list[str]:
    """``[[regions]]``: masks that are of no brain, atlases, or all units."""
    subjects = list(seen.subjects)
    lines = ["# Regions: masks, atlases with a table of labels, named units, or all units. They may overlap."]
    masks = [m for m in _on_grid(seen, "mask") if "brain" not in m.lower()]
    found = list(dict.fromkeys((region_name(m, subjects), pattern_of([m], subjects)) for m in masks))
    for name, pattern in found:
        lines += ["[[regions]]", f'name = "{name}"', f"mask = {pattern}", ""]
    atlases = list(dict.fromkeys(without_side(pattern_of([a], subjects)) for a in _on_grid(seen, "atlas")))
    for atlas in atlases:
        lines += ["[[regions]]", f"atlas = {atlas}", '# labels = "atlas.tsv"         # columns index, name, and path ("visual > ventral")', ""]  # fmt: skip
    return lines if found or atlases else [*lines, "[[regions]]", 'name = "all"', "all = true", ""]


def _on_grid(seen: Look, kind: str) -> list[str]:
    """Masks or label images; beside series of a named grid only those that their names put on the same places."""
    paths, group = seen.files.get(kind, []), series_of(seen)
    if group is None or not {"space", "desc", "res"} & set(group.told):
        return paths
    told = {path: entities_of(Path(path)) for path in paths}
    # what lies beside the anatomy and names no space is on the anatomy's grid
    return [
        p
        for p in fitting_of(group, paths, ("space", "res"))
        if told[p].get("datatype") != "anat" or "space" in told[p]
    ]


def _one_each(paths: Sequence[str], subjects: Sequence[str]) -> bool:
    """True where no person has two, but for hemispheres."""
    people = [next((s for s in subjects if without_subject(p, [s]) != p), "") for p in paths]
    named = Counter((who, without_side(p)) for who, p in zip(people, paths, strict=True))
    return max(Counter(who for who, _ in named).values()) == 1
