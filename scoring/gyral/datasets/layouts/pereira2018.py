"""Sentences of Pereira et al. (2018): a ``.mat`` file a person and experiment, with sentences, passages and atlases in it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gyral.datasets.layouts.layout import Draft, Layout, Published, csv, described, relative
from gyral.datasets.readers.matlab import matrix_shape, read_cells
from gyral.errors import BadDataset

_FILE = re.compile(r"(?:^|/)([A-Z]\d\d)/data_(384|243)sentences\.mat$")
_BETAS = ("examples_passagesentences", "examples")  # the second is the older name
_TOLD = ("keySentences", "labelsPassageForEachSentence", "keyPassageCategory", "labelsPassageCategory", "meta")
_NETWORKS = ("languageLH", "languageRH", "MD", "DMN", "visual")
_PARTS = ("languageLH", "languageRH")  # networks whose parts are regions of their own
_PUBLISHED = Published(
    name="pereira2018",
    title="Sentences read, Pereira et al. 2018",
    description=(
        "People read sentences of short passages on 24 topics an experiment; one map a sentence, a mean over presentations, z-scored an "
        "experiment, voxels of language, multiple demand, default and visual networks."
    ),
    citation=(
        "Pereira et al. (2018). Toward a universal decoder of linguistic meaning from brain activation. Nature Communications 9, 963. "
        "doi:10.1038/s41467-018-03068-4"
    ),
    url="https://osf.io/crwz7/",
)


def draft(folder: Path) -> Draft:
    """A description of the experiments, of one or both, that leave most sentences x people.

    Raises
    ------
    BadDataset
        A variable is missing, or people read different sentences (``layout``).
    """
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("**/data_*sentences.mat")):
        if (match := _FILE.search(relative(folder, path))) is not None:
            found.setdefault(match[1], {})[match[2]] = path
    subjects, experiments = _widest({s: set(held) for s, held in found.items()})
    others, rows, keys = dict[str, str](), dict[str, list[tuple[str, str, str, str]]](), set[str]()
    regions: list[dict[str, object]] = []
    for subject in subjects:
        for experiment in experiments:
            path = found[subject][experiment]
            told = read_cells(path, _TOLD)
            keys.add(_key(path, len(_texts(told, "keySentences", path))))
            own = _sentences(told, experiment, path)
            if rows.setdefault(experiment, own) != own:
                raise BadDataset(
                    f"its sentences are not those that {subjects[0]} read.", where=str(path), code="layout"
                )
        # voxels of a person are the same in both experiments
        columns = _columns(told.get("meta"), matrix_shape(path, _key(path, len(own)))[1], path)
        others[f"{subject}_voxels.csv"] = csv(",".join(columns), list(zip(*columns.values(), strict=True)))
        regions = regions or _regions(columns)
    if len(keys) > 1:
        raise BadDataset(f"variables are called {sorted(keys)!r} in turn.", where=str(folder), code="layout")
    shown = [row for experiment in experiments for row in rows[experiment]]
    others["stimuli.csv"] = csv("id,sentence,passage,topic", shown)
    others["trials.csv"] = csv("stimulus", [(row[0],) for row in shown])
    homes = {
        relative(folder, p).replace(s, "{subject}")
        for s in subjects
        for e, p in found[s].items()
        if e in experiments
    }
    left = sorted(set(found) - set(subjects))
    responses: dict[str, object] = {
        "reader": "array",
        "kind": "fMRI",
        "unit": "z",
        "subjects": list(subjects),
        "files": [next(h for h in sorted(homes) if f"data_{e}sentences" in h) for e in experiments],
        "key": keys.pop(),
        "trials": "trials.csv",
        "zscore": "file",
        "not_a_number": "drop",
        "units_table": "{subject}_voxels.csv",
    }
    if "all" not in regions[0]:
        responses["outside"] = "drop"
    tables = [
        (
            "stimuli",
            {
                "modality": "text",
                "table": "stimuli.csv",
                "text": "sentence",
                "group": "topic",
                "columns": ["passage"],
            },
        ),
        ("responses", responses),
        ("regions", regions),
        ("split", {"kind": "grouped", "folds": 5}),
    ]
    notes = (
        f"Pereira et al. 2018, experiments of {' and '.join(experiments)} sentences: those that leave most sentences x people.",
        f"Left out: {', '.join(left) or 'nobody'}. Files hold means over presentations: there are no ceilings from repeats.",
        "Sentences of one topic are never on both sides of a split; `passage` is a column of the stimuli.",
    )
    return Draft(described(_PUBLISHED, tables, notes), others)


def _widest(held: Mapping[str, set[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """People and experiments with most sentences x people."""
    best: tuple[int, tuple[str, ...], tuple[str, ...]] = (0, (), ())
    for experiments in (("384", "243"), ("384",), ("243",)):
        people = tuple(sorted(s for s, own in held.items() if own >= set(experiments)))
        best = max(best, (len(people) * sum(map(int, experiments)), people, experiments), key=lambda b: b[0])
    return best[1], best[2]


def _key(path: Path, sentences: int) -> str:
    """The variable with a row a sentence."""
    for name in _BETAS:
        try:
            rows, _ = matrix_shape(path, name)
        except BadDataset as error:
            if error.code != "missing-key":
                raise
            continue
        if rows == sentences:
            return name
    raise BadDataset(
        f"no variable {' or '.join(map(repr, _BETAS))} with a row for each of its {sentences} sentences.",
        where=str(path),
        code="layout",
    )


def _sentences(told: Mapping[str, Any], experiment: str, path: Path) -> list[tuple[str, str, str, str]]:
    """Id, sentence, passage and topic, in order."""
    sentences = _texts(told, "keySentences", path)
    passages = _numbers(told, "labelsPassageForEachSentence", path)
    topics, of_passage = _texts(told, "keyPassageCategory", path), _numbers(told, "labelsPassageCategory", path)
    if len(passages) != len(sentences) or max(passages) > len(of_passage) or max(of_passage) > len(topics):
        raise BadDataset(
            f"{len(sentences)} sentences, {len(passages)} labels of passages, {len(of_passage)} passages and {len(topics)} topics do "
            "not fit each other.",
            where=str(path),
            code="layout",
        )
    return [
        (
            f"{experiment}-{n + 1:03d}",
            s.strip(),
            f"{experiment}-passage-{p:02d}",
            f"{experiment}-{topics[of_passage[p - 1] - 1]}",
        )
        for n, (s, p) in enumerate(zip(sentences, passages, strict=True))
    ]


def _columns(meta: Any, voxels: int, path: Path) -> dict[str, Sequence[object]]:
    """Unit table: i, j, k from 0; 1 in the networks; the part of a network by name ("" outside)."""
    columns: dict[str, Sequence[object]] = {}
    if not isinstance(meta, dict):
        raise BadDataset("no struct 'meta' with the places of voxels.", where=str(path), code="layout")
    places = np.asarray(meta.get("colToCoord", ()))
    if places.shape == (voxels, 3):
        columns |= {axis: [int(v) - 1 for v in places[:, n]] for n, axis in enumerate("ijk")}
    else:
        columns["column"] = range(voxels)
    atlases = _flat(meta.get("atlases", []))
    parts, held = meta.get("rois", []), meta.get("roiColumns", [])
    for number, atlas in enumerate(atlases):
        if atlas not in _NETWORKS or number >= min(len(parts), len(held)):
            continue
        names = np.full(voxels, "", dtype=object)
        for name, own in zip(_flat(parts[number]), held[number], strict=False):
            inside = np.atleast_1d(np.asarray(own, np.int64)).ravel() - 1
            if len(inside) and not 0 <= inside.min() <= inside.max() < voxels:
                raise BadDataset(
                    f"columns of {atlas!r} are not among 1 to {voxels}.", where=str(path), code="layout"
                )
            names[inside] = f"{atlas} {name}" if atlas in _PARTS else name
        columns[atlas] = [int(n != "") for n in names]
        if atlas in _PARTS:
            columns[f"{atlas} parts"] = names.tolist()
    return columns


def _regions(columns: Mapping[str, object]) -> list[dict[str, object]]:
    networks = [n for n in _NETWORKS if n in columns]
    if not networks:
        return [{"name": "all voxels", "all": True}]
    regions: list[dict[str, object]] = [
        {"name": n, "path": ["networks"], "flags": [n], "smaller": "drop"} for n in networks
    ]
    return regions + [{"column": f"{n} parts", "path": ["networks", n]} for n in networks if n in _PARTS]


def _texts(told: Mapping[str, Any], name: str, path: Path) -> list[str]:
    return _flat(_named(told, name, path))


def _numbers(told: Mapping[str, Any], name: str, path: Path) -> list[int]:
    return [int(v) for v in np.atleast_1d(_named(told, name, path)).ravel()]


def _named(told: Mapping[str, Any], name: str, path: Path) -> Any:
    if name not in told:
        raise BadDataset(f"no variable {name!r}; there are {sorted(told)!r}.", where=str(path), code="layout")
    return told[name]


def _flat(cells: Any) -> list[str]:
    """Texts in cells, however deep."""
    if isinstance(cells, list):
        return [text for cell in cells for text in _flat(cell)]
    return [str(cells).strip()]


LAYOUT = Layout("Pereira 2018", lambda name: _FILE.search(name) is not None, draft)
