"""A package of somebody else's, as pip leaves it on the disk: a module, and the metadata with its entry points."""

import importlib
import itertools
from pathlib import Path

import pytest

_NUMBER = itertools.count()

METRIC = """
import numpy as np
from gyral.metrics.correlation import pearson_r

class Metric:
    title, description, task = "Planted r", "Pearson r by another name", "encoding"
    def __call__(self, measured, predicted):
        return pearson_r(measured, predicted)

METRIC = Metric()
"""


def plant(folder: Path, patch: pytest.MonkeyPatch, code: str, /, **entries: str) -> str:
    """Write a package and put it on the path; each entry is ``GROUP_NAME="attribute"`` (``metrics_planted="METRIC"``).

    Returns its name and version, as records have it.
    """
    name = f"planted_{next(_NUMBER)}"
    site = folder / name
    told = site / f"{name}-2.5.dist-info"
    told.mkdir(parents=True)
    (site / f"{name}_code.py").write_text(code, "utf-8")
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n", "utf-8")
    lines = []
    for entry, attribute in entries.items():
        group, _, key = entry.partition("_")
        lines += [f"[gyral.{group}]", f"{key} = {name}_code:{attribute}"]
    (told / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    patch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    return f"{name} 2.5"
