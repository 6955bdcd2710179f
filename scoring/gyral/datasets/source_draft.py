"""Draft of ``dataset.toml`` for a folder: what was recognised is filled in, what only its owner knows is marked."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gyral.datasets.draft_images import bold_lines, mask_lines, region_lines, series_of
from gyral.datasets.draft_patterns import pattern_of, stem_of, without_subject
from gyral.datasets.draft_sensors import recording_lines, recordings_of
from gyral.datasets.draft_tables import (
    TRIALS,
    ResponseTables,
    columns_of,
    file_folder,
    kind_of_files,
    response_tables,
    stimulus_table,
)
from gyral.datasets.layouts.layout import Draft
from gyral.datasets.manifest import is_safe_name
from gyral.datasets.readers.hdf5 import is_hdf5, listed, shapes_in, tables_in
from gyral.datasets.readers.nwb import intervals_of
from gyral.datasets.source import TODO
from gyral.datasets.source_look import Look
from gyral.errors import BadDataset, UserError


def draft(folder: Path, seen: Look) -> Draft:
    """A commented description; fields that hold ``TODO`` are for the owner.

    Raises
    ------
    BadDataset
        Files of a published layout are not what it has (``layout``, and what its readers refuse), or nothing that looks like
        responses can be read (``not-recognised``).
    """
    if seen.layout is not None:
        made = seen.layout.draft(folder)
        return Draft(_finished("\n".join([*_HEAD[:2], made.text])), made.others)
    others: dict[str, str] = {}
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-._").lower() or "dataset"
    lines = [*_HEAD, *_about(name if is_safe_name(name) else "dataset"), *_stimuli(folder, seen, others)]
    if seen.files.get("rdm") and not set(seen.files) & {
        "bold",
        "volume",
        "surface",
        "cifti",
        "array",
        "recording",
        "nwb",
    }:
        lines += _rdms(folder, seen)
    else:
        lines += [*_responses(folder, seen), *region_lines(seen)]
    return Draft(_finished("\n".join(lines)), others)


_HEAD = [
    "# What a Gyral pack of this folder is made of. `gyral data build` makes it; see docs/your_data.md.",
    f'# Fields that hold "{TODO}" are yours to fill in; commented ones are optional. Paths are relative to this folder.',
    "source = 1",
    "",
]
_SPLIT = [
    "# How stimuli are held out. Without this table a split is proposed; canaries judge either.",
    "# [split]",
    '# kind = "grouped"           # or "contiguous", "leave-one-group-out"',
    "# folds = 5",
    "",
]


def _finished(text: str) -> str:
    """With the tables that may be left out, commented, and filled in as far as the others say."""
    told = tomllib.loads(text)
    name, rdms = told["about"]["name"], told.get("rdms", [])
    modality = {"image": "vision", "sound": "audio"}.get(told["stimuli"]["modality"], "language")
    named = [r["region"] for r in rdms] or [r["name"] for r in told.get("regions", []) if "name" in r]
    fields = {
        f'name = "{name}-v1"': "of the board; no name of `gyral list benchmarks`",
        "version = 0": "0 while it may still change",
        f'title = "{TODO}"': "heading of the board",
        f'modality = "{modality}"': 'which models are scored: "vision", "language" or "audio"',
        f'dataset = "{name}"': "about.name",
        f'task = "{"rsa" if rdms else "encoding"}"': '"encoding", "rsa" or "triplets"',
        f'metric = "{"rsa-spearman" if rdms else "pearson"}"': "one of the task: `gyral list metrics`",
        f'readout = "{"none" if rdms else "ridge"}"': '`gyral list readouts`; "none" where nothing is fitted',
        f'ceiling = "{"rdm-bounds" if rdms else "none"}"': "of RDMs"
        if rdms
        else '"ncsnr", "split-half" (repeats), "loso", "extrapolation" (subjects), ...',
        f'main_region = "{named[0] if named else TODO}"': "one of the regions",
        "holdout = false": "true where a part is held back from every score that is shown (docs/contamination.md)",
    }
    if not rdms:
        fields['rdm = "correlation"'] = 'how RDMs are made of responses: only with task "rsa"'
    head = [
        "# With this table the pack gets a board (fields of `gyral.benchmarks.benchmark.Benchmark`).",
        "# [benchmark]",
    ]
    lines = [*_SPLIT, *head, *(f"# {field:<26} # {says}" for field, says in fields.items()), ""]
    return "\n".join([text, *lines])


def _about(name: str) -> list[str]:
    return [
        "[about]",
        f'name = "{name}"            # identifier: letters, digits, ".", "_", "-"',
        f'title = "{TODO}"',
        f'description = "{TODO}"     # who saw what, how it was measured and cleaned',
        'version = "0"',
        f'licence = "{TODO}"         # of the responses; of stimuli if it differs',
        f'citation = "{TODO}"',
        'url = ""',
        'species = "human"',
        'display = "none"             # who may see the stimuli on a site: "none", "login", "public"',
        "ordered = true               # rows are in the order of measurement: no shuffled split",
        "",
    ]


def _stimuli(folder: Path, seen: Look, others: dict[str, str]) -> list[str]:
    table = stimulus_table(folder, seen)
    if table is None and (grids := seen.files.get("textgrid")):
        return ["[stimuli]", 'modality = "text"', f"table = {pattern_of(grids, [])}   # a file a story, a word a row", 'text = "word"',
                'group = "story"              # the name of a file', 'onset = "onset"', 'offset = "offset"',
                '# tier = "words"             # without it the tier called word or words', "",
                "[timeline]                   # rows of the responses are samples; responses.story names their story in the table of trials",
                f'period = "{TODO}"            # seconds between two samples', ""]  # fmt: skip
    if table is None and (images := seen.files.get("image")):
        others["stimuli.csv"] = "id,file\n" + "".join(f"{stem_of(p)},{p}\n" for p in images)
        return ["[stimuli]", 'modality = "image"', 'table = "stimuli.csv"   # written beside this file', 'id = "id"',
                'file = "file"', "# degrees = 8.0             # width of an image as it was shown", ""]  # fmt: skip
    if table is None and (sounds := seen.files.get("sound")):
        others["stimuli.csv"] = "id,file\n" + "".join(f"{stem_of(p)},{p}\n" for p in sounds)
        return ["[stimuli]", 'modality = "sound"', 'table = "stimuli.csv"   # written beside this file', 'id = "id"',
                'file = "file"', ""]  # fmt: skip
    if table is None and (seen.files.get("events") or seen.files.get("recording") or series_of(seen)):
        return ["[stimuli]", 'modality = "label"           # every event is a stimulus: decoding, no models', ""]
    if table is None:
        return ["[stimuli]", f'modality = "{TODO}"         # "image", "text", "sound" or "label"',
                f'table = "{TODO}"            # csv, tsv or parquet, a row a stimulus', 'id = "id"', ""]  # fmt: skip
    path, ids, role, content, group = table
    kind = kind_of_files(folder, path, content) if role == "file" else "text"
    lines = [
        "[stimuli]",
        f'modality = "{kind}"',
        f'table = "{path}"',
        f'id = "{ids}"',
    ]
    lines.append(f'{role} = "{content}"')
    if group is not None:
        lines.append(f'group = "{group}"              # never on both sides of a split')
    if role == "file" and (within := file_folder(folder, seen, path, content)):
        lines.append(f'folder = "{within}"        # what paths in that column are relative to')
    if kind == "image":
        lines.append(
            "# degrees = 8.0              # width of an image as it was shown, degrees of visual angle; or a column"
        )
    return [*lines, ""]


def _responses(folder: Path, seen: Look) -> list[str]:
    files, series = seen.files, series_of(seen)
    drafted = series.paths if series else recordings_of(seen).paths if files.get("recording") else ()
    subjects = _subjects_in(drafted, seen.subjects) or list(seen.subjects) or ["subject-01"]
    lines = ["[responses]"]
    if files.get("recording"):
        return [*lines, *recording_lines(folder, seen, subjects)]
    if files.get("nwb"):
        lines += _spikes(folder, files["nwb"], subjects)
    elif series is not None:
        lines += [*bold_lines(seen, series, subjects), *mask_lines(seen, subjects)]
    elif kind := next((k for k in ("volume", "surface", "cifti") if files.get(k)), None):
        lines += ['reader = "images"            # a volume or map a trial (single-trial betas)', 'kind = "fMRI"',
                  f'unit = "{TODO}"              # "z", "% signal change", "a.u."', f"files = {pattern_of(files[kind], subjects)}"]  # fmt: skip
        lines += [*_trials(folder, seen, subjects), *mask_lines(seen, subjects)]
    elif files.get("array"):
        lines += ['reader = "array"             # trials x units', f'kind = "{TODO}"              # "fMRI", "MEG", "EEG", "ECoG", "spikes", "behaviour"',
                  f'unit = "{TODO}"', f"files = {pattern_of(files['array'], subjects)}"]  # fmt: skip
        lines += _key(folder / files["array"][0])
        lines += _trials(folder, seen, subjects)
    else:
        found = response_tables(folder, seen)
        if seen.unread and (found is None or _lists_pictures(folder, seen, found.files)):
            raise BadDataset(
                "no responses in it can be read, and nothing was written.",
                where=str(folder),
                mend=" ".join(f"{path}: {why}" for path, why in seen.unread.items()),
                code="not-recognised",
            )
        if found is not None and (found.subjects or not found.files):
            subjects = list(found.subjects) or [TODO]
        lines += _tables(found)
    names = ", ".join(f'"{s}"' for s in subjects)
    return [*lines, f"subjects = [{names}]", "# zscore = \"file\"            # each unit over the trials of each file", ""]  # fmt: skip


def _subjects_in(paths: Sequence[str], subjects: Sequence[str]) -> list[str]:
    """Those that the paths name: not everybody may have what is drafted."""
    return [s for s in subjects if any(without_subject(p, [s]) != p for p in paths)]


def _lists_pictures(folder: Path, seen: Look, path: str) -> bool:
    """True for the table of stimuli that are pictures: its numbers are what pictures are like, no responses."""
    table = stimulus_table(folder, seen)
    return table is not None and table[0] == path and table[2] == "file"


def _key(path: Path) -> list[str]:
    """Which variable of an HDF5 file holds the responses."""
    if not is_hdf5(path):
        return []
    known = tables_in(shapes_in(path))
    told = next(iter(known)) if len(known) == 1 else TODO
    says = "of two axes: " if told == TODO else "the only variable of two axes: "
    return [
        f'key = "{told}"                  # {says}{listed(known)}',
        "# transposed = true            # units x trials",
    ]


def _tables(found: ResponseTables | None) -> list[str]:
    """Of tables with a row a trial."""
    lines = ['reader = "table"             # a row a trial, a column a unit', f'kind = "{TODO}"              # "fMRI", "MEG", "EEG", "ECoG", "spikes", "behaviour"',
             f'unit = "{TODO}"              # "z", "% signal change", "spikes/s", "s"']  # fmt: skip
    if found is None:
        lines += [f'files = "{TODO}"             # csv, tsv or parquet; "{{subject}}.csv" for a file a subject',
                  f'stimulus = "{TODO}"          # column that names the stimulus of a trial']  # fmt: skip
    else:
        if found.renamed:
            lines.append(
                f"# Rename the column {found.renamed!r} of {found.files} to 'subject': by it rows are told apart."
            )
        lines += [f'files = "{found.files or TODO}"', f'stimulus = "{found.stimulus}"']
    if found is not None and found.units:
        return [*lines, "units = [" + ", ".join(f'"{u}"' for u in found.units) + "]   # columns that are units"]
    return [*lines, '# units = ["V1"]             # columns that are units; without it all columns of numbers']


def _spikes(folder: Path, paths: Sequence[str], subjects: Sequence[str]) -> list[str]:
    try:
        tables = intervals_of(folder / paths[0])
    except UserError:  # h5py is not here, or the file is damaged: the build says so
        tables = {}
    chosen = "trials" if "trials" in tables else next(iter(tables), "trials")
    stimulus = next((c for c in TRIALS if c in tables.get(chosen, ())), TODO)
    known = ", ".join(f"{n} ({', '.join(c)})" for n, c in tables.items())
    return [f"# Intervals in the first file: {known or 'none that can be read'}.",
            'reader = "nwb"               # spikes of each unit, counted after the start of each trial', 'kind = "spikes"',
            'unit = "spikes/s"            # or "spikes"', f"files = {pattern_of(paths, subjects)}", f'intervals = "{chosen}"',
            f'stimulus = "{stimulus}"         # column of the intervals that names the stimulus',
            f'count = "{TODO}"             # seconds after the start of a trial: [0.05, 0.25]']  # fmt: skip


def _rdms(folder: Path, seen: Look) -> list[str]:
    lines = []
    for path in seen.files["rdm"]:
        if path.endswith(".npz"):
            with np.load(folder / path, allow_pickle=False) as found:
                square = [
                    k for k in found.files if found[k].ndim >= 2 and found[k].shape[-1] == found[k].shape[-2]
                ]
            for key in square:
                lines += ["[[rdms]]", f'region = "{key}"', f'kind = "{TODO}"              # "fMRI", "spikes", "behaviour"',
                          f'file = "{path}"', f'key = "{key}"', ""]  # fmt: skip
            continue
        lines += ["[[rdms]]", f'region = "{stem_of(path)}"', f'kind = "{TODO}"              # "fMRI", "spikes", "behaviour"',
                  f'file = "{path}"', '# key = "rdm"                # variable in the file, if it has several', ""]  # fmt: skip
    return lines


def _trials(folder: Path, seen: Look, subjects: Sequence[str]) -> list[str]:
    for path in seen.files.get("table", []):
        if "trial" in path.lower() or "design" in path.lower():
            names = columns_of(folder / path)
            stimulus = next((c for c in TRIALS if c in names), TODO)
            own = [p for p in seen.files["table"] if "trial" in p.lower() or "design" in p.lower()]
            return [f"trials = {pattern_of(own, subjects)}   # a row for each row of the responses",
                    f'stimulus = "{stimulus}"']  # fmt: skip
    return [
        '# trials = "trials.csv"      # a row for each row of the responses; without it rows are the stimuli, in order'
    ]
