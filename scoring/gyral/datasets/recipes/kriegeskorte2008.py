"""Kriegeskorte et al. 2008: 92 object images, dissimilarities in human IT, monkey IT and of 16 judges."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.manifest import SplitEntry
from gyral.datasets.png import png
from gyral.datasets.readers.matlab import read_matlab, square
from gyral.datasets.recipe import Recipe, SourceFile, listed_hashes
from gyral.datasets.recipe import Source as Files
from gyral.datasets.source import RdmSource, Source, StimuliSource
from gyral.datasets.source_build import read_files

FLAGS = ("human", "face", "animal", "natural")
VECTORS = (
    *("animate", "inanim", "human", "nonhumani", "body", "face"),
    *("natObj", "artiObj", "rand24", "rand48", "other48", "monkeyape"),
)
_RAW = (
    "https://raw.githubusercontent.com/rsagroup/rsatoolbox/f1f83cadb7243492a1aae7460466e0f0140b20ac"
    "/demos/92imageData/"
)
_SUPPLEMENT = "Kriegeskorte_Neuron2008_supplementalData.mat"

ABOUT = About(
    name="kriegeskorte2008",
    title="92 objects, inferior temporal cortex",
    description=(
        "Dissimilarities (1 - Pearson r between response patterns) of 92 object images in human inferior temporal "
        "cortex (4 people, 2 sessions each, fMRI) and monkey IT (674 neurons), and arrangement judgements of 16 "
        "people. Response patterns are not published: comparison of dissimilarities only."
    ),
    version="0",
    licence="MIT (repository); the photographs' own copyright is not stated",
    citation=(
        "Kriegeskorte et al. (2008). Matching categorical object representations in inferior temporal cortex of man "
        "and monkey. Neuron 60, 1126-1141. Judgements: Mur et al. (2013). Frontiers in Psychology 4:128."
    ),
    url="https://github.com/rsagroup/rsatoolbox",
    species="human and macaque",
    display="none",
    ordered=False,
)

RECIPE = Recipe(
    name=ABOUT.name,
    title=ABOUT.title,
    about=ABOUT,
    content_hash="18e6c0940bcc43f522cc97747f689e32b9110551259eb9f3caf2577a9956d7c0",
    licence="MIT",
    mirror=Files(
        folder="kriegeskorte92_rdms",
        files=listed_hashes("gyral.datasets.recipes", "kriegeskorte2008.sha256"),
        reader="gyral.datasets.recipes.kriegeskorte2008:read_mirror",
    ),
    public=Files(
        folder="kriegeskorte2008",
        files=tuple(
            SourceFile(name, None, _RAW + name) for name in (_SUPPLEMENT, "92_brainRDMs.mat", "92_behavRDMs.mat")
        ),
        reader="gyral.datasets.recipes.kriegeskorte2008:read_public",
        verified=False,
    ),
)

PROVENANCE = """# 92 object images: human IT, monkey IT, similarity judgements

- From: github rsagroup/rsatoolbox, commit f1f83cadb7243492a1aae7460466e0f0140b20ac, demos/92imageData
  (Kriegeskorte_Neuron2008_supplementalData.mat, 92_brainRDMs.mat, 92_behavRDMs.mat).
- human_IT: 4 subjects (BE, KO, SN, TI) x 2 sessions, 316 voxels; monkey_IT: 674 neurons, one matrix; judgements: 16
  people, one arrangement each.
- Licence: MIT (repository); the photographs' own copyright is not stated.
- Changed here: float32; images as uncompressed PNG (175 x 175, RGB), so that equal pixels are equal bytes.
"""


_IT = ("visual", "ventral")

SOURCE = Source(
    source=1,
    about=ABOUT,
    stimuli=StimuliSource(
        modality="image",
        table="stimuli.csv",
        id="stimulus_id",
        file="file",
        columns=("category", *FLAGS, *(f"cat_{v}" for v in VECTORS)),
        encode="png",
    ),
    rdms=(
        RdmSource(
            region="human_IT",
            kind="fMRI",
            file="rdms.npz",
            key="human_it_subjects_sessions",
            subjects_key="human_subject_names",
            title="Human IT",
            path=_IT,
        ),
        RdmSource(
            region="monkey_IT",
            kind="spikes",
            file="rdms.npz",
            key="monkey_it",
            subjects=("monkeys",),
            title="Monkey IT",
            path=_IT,
        ),
        RdmSource(
            region="judgements",
            kind="behaviour",
            file="rdms.npz",
            key="behaviour_subjects",
            subjects=tuple(f"judge-{i + 1:02d}" for i in range(16)),
            title="Similarity judgements",
            path=("behaviour",),
        ),
    ),
    split=SplitEntry(kind="contiguous", folds=5, gap=0),
)


def read_mirror(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the mirror's ``rdms.npz``, ``stimuli.csv`` and PNG files."""
    return read_files(SOURCE, files, scratch, provenance=PROVENANCE)


def read_public(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from rsatoolbox's MATLAB files, laid out as the mirror's."""
    supplement = read_matlab(files[_SUPPLEMENT])
    items = np.ravel(supplement["stimuli_92objs"])
    made = {f"stimuli/{i + 1:02d}.png": scratch / f"{i + 1:02d}.png" for i in range(len(items))}
    for path, item in zip(made.values(), items, strict=True):
        path.write_bytes(png(np.asarray(item.image, np.uint8)))
    vectors = np.asarray(supplement["categoryVectors"]).astype(np.int64)
    table = pd.DataFrame(
        {
            "stimulus_id": [path.stem for path in made.values()],
            "file": list(made),
            "category": [str(item.category) for item in items],
            **{f: [int(getattr(item, f)) for item in items] for f in FLAGS},
            **{f"cat_{name}": vectors[:, k] for k, name in enumerate(VECTORS)},
        }
    )
    table.to_csv(scratch / "stimuli.csv", index=False)
    monkey = next(r for r in np.ravel(supplement["RDMs_mIT_hIT_fig1"]) if str(r.name).startswith("mIT"))
    sessions = _by_subject(np.ravel(read_matlab(files["92_brainRDMs.mat"])["RDMs"]))
    judges = [square(r.RDM) for r in np.ravel(read_matlab(files["92_behavRDMs.mat"])["rdms_behav_92"])]
    np.savez(
        scratch / "rdms.npz",
        human_it_subjects_sessions=np.stack([np.stack(pair) for pair in sessions.values()]),
        human_subject_names=np.array(list(sessions)),
        monkey_it=square(monkey.RDM),
        behaviour_subjects=np.stack(judges),
    )
    made |= {name: scratch / name for name in ("stimuli.csv", "rdms.npz")}
    return read_files(SOURCE, made, scratch, provenance=PROVENANCE)


def _by_subject(entries: NDArray[Any]) -> dict[str, list[NDArray[np.float32]]]:
    """Session matrices by subject, both sorted; names read ``REGION | SUBJECT | SESSION``."""
    parts = [([p.strip() for p in str(e.name).split("|")], square(e.RDM)) for e in entries]
    found: dict[str, list[NDArray[np.float32]]] = {}
    for (_, subject, _), rdm in sorted(parts, key=lambda p: p[0]):
        found.setdefault(subject, []).append(rdm)
    return found
