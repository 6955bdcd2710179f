"""THINGS (Hebart et al. 2020): 20,000 odd-one-out choices among the names of 1,854 objects."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.recipe import Recipe, Source, SourceFile
from gyral.datasets.region import Region
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.triplets import Triplets
from gyral.errors import BadDataset

REGION = "judgements"
_RAW = "https://raw.githubusercontent.com/LukasMut/VICE/"
_TRIPLETS, _CONCEPTS = "data/test_triplets.csv", "data/files/things_concepts.tsv"

ABOUT = About(
    name="things2020",
    title="THINGS, odd one out of three objects",
    description=(
        "People saw photographs of three objects and chose the one that does not belong: 20,000 choices of 325 people among "
        "1,000 triplets of 1,503 objects (of 1,854), each judged by about twenty people. Models are shown the name of each concept: the photographs are not "
        "free to redistribute."
    ),
    version="0",
    licence="Repository GPL-3; the authors of THINGS release the judgements openly",
    citation=(
        "Hebart, Zheng, Pereira & Baker (2020). Revealing the multidimensional mental representations of natural objects "
        "underlying human similarity judgements. Nature Human Behaviour 4, 1173-1185. Triplets: Muttenthaler, Zheng, "
        "McClure, Vandermeulen, Hebart & Pereira (2022). VICE. NeurIPS."
    ),
    url="https://github.com/LukasMut/VICE",
    species="human",
    display="none",
    ordered=False,
    drawn_from=(),
)

RECIPE = Recipe(
    name=ABOUT.name,
    title=ABOUT.title,
    about=ABOUT,
    content_hash="3784b7e8f597cfeb2f31e6f296c6853b7e065380ef78c09069af59bf7883ca4c",
    licence="GPL-3 (repository)",
    mirror=Source(
        folder="things_odd_one_out_vice",
        files=(
            SourceFile("concepts.csv", "4f2f596d6d4d98c37bde3ac35a30abf2b850ce3ef9949d37fe072701c59e105b"),
            SourceFile("triplets.csv", "b2457511b1075d7dc6848d3277490e3988f401bcb585fd12f67a858c00db0d60"),
        ),
        reader="gyral.datasets.recipes.things2020:read_mirror",
    ),
    public=Source(
        folder="things2020",
        files=(
            SourceFile("test_triplets.csv", None, f"{_RAW}f484c1446459c12c15deb2df1476f53969ad6f4d/{_TRIPLETS}"),
            SourceFile("things_concepts.tsv", None, f"{_RAW}5f80103ef4c9eb29477c4cadb1c9c54476d59e97/{_CONCEPTS}"),
        ),
        reader="gyral.datasets.recipes.things2020:read_public",
        verified=False,
    ),
)

PROVENANCE = """# THINGS odd-one-out judgements (20,000 triplets, 1,854 concepts)

- Triplets: github LukasMut/VICE, commit f484c1446459c12c15deb2df1476f53969ad6f4d, data/test_triplets.csv.
- Concepts: commit 5f80103ef4c9eb29477c4cadb1c9c54476d59e97, data/files/things_concepts.tsv.
- Licence: GPL-3 (repository); the judgements are released openly by the authors of THINGS.
- Changed here: items and choices counted from 0. No images.
"""


def read_mirror(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the mirror's tables."""
    concepts = pd.read_csv(files["concepts.csv"], dtype=str, keep_default_na=False)
    table = pd.read_csv(files["triplets.csv"])
    columns = ["item1", "item2", "item3", "odd_one", "participant"]
    return _dataset(concepts["concept"].tolist(), concepts["word"].tolist(), table[columns].to_numpy(np.int64))


def read_public(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the repository's tables, whose numbers count from 1."""
    concepts = pd.read_csv(files["things_concepts.tsv"], sep="\t", dtype=str, keep_default_na=False)
    path = files["test_triplets.csv"]
    table = pd.read_csv(path, sep=None, engine="python", header=None, comment="i").dropna(axis=1, how="all")
    wanted = {"uniqueID", "Word"}
    if table.shape[1] != 5 or not wanted <= set(concepts):
        raise BadDataset(
            f"{table.shape[1]} columns of triplets and {[str(c) for c in concepts][:4]!r} of concepts; three items, the choice and the "
            f"participant, and {sorted(wanted)!r}, are expected.",
            where=str(path),
        )
    numbers = table.to_numpy(np.int64)
    numbers[:, :4] -= 1
    return _dataset(concepts["uniqueID"].tolist(), concepts["Word"].tolist(), numbers)


def _dataset(ids: list[str], words: list[str], table: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> Dataset:
    triplets = Triplets.from_table(table, len(ids))
    return Dataset(
        about=ABOUT,
        stimuli=StimulusSet.from_texts([w.replace("_", " ") for w in words], ids),
        responses=None,
        rdms={},
        units=pd.DataFrame({"subject": pd.Series(dtype=str), "unit": pd.Series(dtype=str)}),
        regions=(Region(REGION, np.array([], np.int64), ("behaviour", REGION), "Odd-one-out choices"),),
        split_kind="contiguous",
        split_folds=5,
        extra={"provenance": PROVENANCE, "triplets": triplets.table()},
    )
