"""A third party's recipes: `tiny` from a mirror or a public address, `slow` made by code."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.pack import content_hash
from gyral.datasets.recipe import Recipe, Source, SourceFile
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.hashing import hash_bytes

TEXTS = [f"sentence number {i}" for i in range(20)]
VALUES = np.random.default_rng(7).normal(size=(20, 3)).astype(np.float32)

MIRROR = {"texts.txt": "\n".join(TEXTS).encode(), "values.f4": VALUES.tobytes()}
PUBLIC = {
    "table.csv": "".join(
        ",".join([text, *(repr(float(v)) for v in row)]) + "\n" for text, row in zip(TEXTS, VALUES, strict=True)
    ).encode()
}


def read_mirror(files: Mapping[str, Path], scratch: Path) -> Dataset:
    return _dataset(
        "tiny", files["texts.txt"].read_text().split("\n"), np.fromfile(files["values.f4"], "<f4").reshape(-1, 3)
    )


def read_public(files: Mapping[str, Path], scratch: Path) -> Dataset:
    rows = [line.split(",") for line in files["table.csv"].read_text().splitlines()]
    return _dataset("tiny", [r[0] for r in rows], np.array([[float(v) for v in r[1:]] for r in rows]))


def make(name: str, folder: Path) -> Dataset:
    """The generator `slow`: says in TINY_LOG that it ran, and takes a while."""
    with Path(os.environ["TINY_LOG"]).open("a") as log:
        log.write(f"{os.getpid()}\n")
    time.sleep(float(os.environ.get("TINY_SECONDS", "1")))
    return _dataset(name, TEXTS, VALUES)


def _dataset(name: str, texts: list[str], values: np.ndarray) -> Dataset:
    return Dataset(
        about=About(name=name, title="Tiny", description="For tests."),
        stimuli=StimulusSet.from_texts(texts),
        responses=Responses("fMRI", "z", {"s1": values}, {}),
        rdms={},
        units=pd.DataFrame({"subject": "s1", "unit": ["a", "b", "c"]}),
        regions=(Region("all", np.arange(3)),),
    )


RECIPE = Recipe(
    name="tiny",
    title="Tiny",
    content_hash=content_hash(_dataset("tiny", TEXTS, VALUES)),
    licence="CC0",
    mirror=Source(
        "tiny_mirror", tuple(SourceFile(n, hash_bytes(b)) for n, b in MIRROR.items()), "tiny_recipe:read_mirror"
    ),
    public=Source(
        "tiny",
        tuple(
            SourceFile(n, hash_bytes(b), os.environ.get("TINY_URL", "http://127.0.0.1:9/") + n)
            for n, b in PUBLIC.items()
        ),
        "tiny_recipe:read_public",
        verified=False,
    ),
)

ENTRY_POINTS = "[gyral.datasets]\ntiny = tiny_recipe:RECIPE\nslow = tiny_recipe:make\n"


def install_plugin(folder: Path) -> None:
    """Write what pip writes for an installed third-party package that registers the two."""
    info = folder / "tiny_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)


def write_mirror(folder: Path) -> None:
    """The mirror with `tiny` in it."""
    (folder / "tiny_mirror").mkdir(parents=True)
    for name, data in MIRROR.items():
        (folder / "tiny_mirror" / name).write_bytes(data)
