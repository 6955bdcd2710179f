"""Kriegeskorte et al. 2008: 92 object images, dissimilarities in human IT, monkey IT and of 16 judges."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.png import png
from gyral.datasets.readers.matlab import read_matlab, square
from gyral.datasets.recipe import Recipe, Source, SourceFile, listed_hashes
from gyral.datasets.region import Region
from gyral.datasets.responses import RegionRdms
from gyral.datasets.stimulus import StimulusSet

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
    content_hash="18e6c0940bcc43f522cc97747f689e32b9110551259eb9f3caf2577a9956d7c0",
    licence="MIT",
    mirror=Source(
        folder="kriegeskorte92_rdms",
        files=listed_hashes("gyral.datasets.recipes", "kriegeskorte2008.sha256"),
        reader="gyral.datasets.recipes.kriegeskorte2008:read_mirror",
    ),
    public=Source(
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


def read_mirror(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the mirror's ``rdms.npz``, ``stimuli.csv`` and PNG files."""
    from PIL import Image  # slow import, only when a pack is built

    table = pd.read_csv(files["stimuli.csv"], dtype={"stimulus_id": str})
    pictures = []
    for name in table["file"]:
        with Image.open(files[name]) as image:
            pictures.append(np.asarray(image.convert("RGB")))
    with np.load(files["rdms.npz"], allow_pickle=False) as arrays:
        human, monkey = arrays["human_it_subjects_sessions"], arrays["monkey_it"]
        judges, names = arrays["behaviour_subjects"], [str(n) for n in arrays["human_subject_names"]]
    columns = {c: table[c].to_numpy() for c in (*FLAGS, *(f"cat_{v}" for v in VECTORS))}
    categories = table["category"].tolist()
    return _dataset(pictures, categories, columns, _rdms(human, names, monkey, judges), scratch)


def read_public(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from rsatoolbox's MATLAB files."""
    supplement = read_matlab(files[_SUPPLEMENT])
    items = np.ravel(supplement["stimuli_92objs"])
    pictures = [np.asarray(item.image, np.uint8) for item in items]
    columns = {f: np.array([int(getattr(item, f)) for item in items]) for f in FLAGS}
    vectors = np.asarray(supplement["categoryVectors"]).astype(np.int64)
    columns |= {f"cat_{name}": vectors[:, k] for k, name in enumerate(VECTORS)}
    monkey = next(r for r in np.ravel(supplement["RDMs_mIT_hIT_fig1"]) if str(r.name).startswith("mIT"))
    sessions = _by_subject(np.ravel(read_matlab(files["92_brainRDMs.mat"])["RDMs"]))
    judges = [square(r.RDM) for r in np.ravel(read_matlab(files["92_behavRDMs.mat"])["rdms_behav_92"])]
    human = np.stack([np.stack(pair) for pair in sessions.values()])
    rdms = _rdms(human, list(sessions), square(monkey.RDM), np.stack(judges))
    return _dataset(pictures, [str(item.category) for item in items], columns, rdms, scratch)


def _by_subject(entries: NDArray[Any]) -> dict[str, list[NDArray[np.float32]]]:
    """Session matrices by subject, both sorted; names read ``REGION | SUBJECT | SESSION``."""
    parts = [([p.strip() for p in str(e.name).split("|")], square(e.RDM)) for e in entries]
    found: dict[str, list[NDArray[np.float32]]] = {}
    for (_, subject, _), rdm in sorted(parts, key=lambda p: p[0]):
        found.setdefault(subject, []).append(rdm)
    return found


def _rdms(
    human: NDArray[Any], names: Sequence[str], monkey: NDArray[Any], judges: NDArray[Any]
) -> dict[str, RegionRdms]:
    return {
        "human_IT": RegionRdms("human_IT", "fMRI", human, tuple(names)),
        "monkey_IT": RegionRdms("monkey_IT", "spikes", monkey[None, None], ("monkeys",)),
        "judgements": RegionRdms(
            "judgements", "behaviour", judges[:, None], tuple(f"judge-{i + 1:02d}" for i in range(len(judges)))
        ),
    }


def _dataset(
    pictures: Sequence[NDArray[np.uint8]],
    categories: Sequence[str],
    columns: dict[str, NDArray[Any]],
    rdms: dict[str, RegionRdms],
    scratch: Path,
) -> Dataset:
    folder = scratch / "images"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{i + 1:02d}.png" for i in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        path.write_bytes(png(picture))
    nothing = np.array([], dtype=np.int64)
    return Dataset(
        about=ABOUT,
        stimuli=StimulusSet.from_files(paths, columns={"category": np.array(categories), **columns}),
        responses=None,
        rdms=rdms,
        units=pd.DataFrame({"subject": pd.Series(dtype=str), "unit": pd.Series(dtype=str)}),
        regions=(
            Region("human_IT", nothing, ("visual", "ventral", "human_IT"), "Human IT"),
            Region("monkey_IT", nothing, ("visual", "ventral", "monkey_IT"), "Monkey IT"),
            Region("judgements", nothing, ("behaviour", "judgements"), "Similarity judgements"),
        ),
        split_kind="contiguous",
        split_folds=5,
        extra={"provenance": PROVENANCE},
    )
