"""Brain: units of a dataset and scores of a record on the cortex, as the site's pictures, files and numbers.

What a finished run and a dataset's content hold never changes, so that each picture is made once a process.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gyral.brain.mesh import DRAWN, SIDES
from gyral.brain.ramp import STEPS, colour_of_name
from gyral.datasets.catalogue import find_pack
from gyral.errors import UserError
from gyral_portal.leaderboard.payload import dumped
from gyral_submissions import conf
from gyral_submissions.models import Benchmark, Run

SHOWS = ("units", "regions")
PICTURES = ("brain.svg", "brain-dark.svg")
_GIFTI = "application/xml; charset=utf-8"


def why_no_brain(dataset: str, dataset_hash: str) -> str:
    """One sentence that says why nothing can be drawn; empty where something can."""
    try:
        pack = find_pack(dataset)
    except UserError:
        pack = None
    manifest = None if pack is None else pack / "dataset.toml"
    return _why(dataset, dataset_hash, manifest.stat().st_mtime_ns if manifest and manifest.is_file() else 0)


@lru_cache(maxsize=256)
def _why(dataset: str, dataset_hash: str, changed: int) -> str:
    """Asked again once the pack is ``changed``."""
    from gyral.brain.shown import why_not_mapped  # slow: loads pandas

    return why_not_mapped(dataset, dataset_hash)


def benchmark_file(benchmark: Benchmark, name: str, region: str) -> tuple[bytes, str]:
    """A picture (`PICTURES`), ``brain.json`` or the labels of a hemisphere (``left.label.gii``), and its media type.

    Raises
    ------
    KeyError
        There is no such file.
    UserError
        No such region, or nothing can be drawn.
    """
    if name not in (*PICTURES, "brain.json", *(f"{side}.label.gii" for side in SIDES)):
        raise KeyError(name)
    return _of_benchmark(benchmark.dataset, benchmark.dataset_hash, name, region)


def record_file(run: Run, name: str, shows: str, subject: str) -> tuple[bytes, str]:
    """A picture (`PICTURES`), ``brain.json`` or the numbers of a hemisphere (``left.func.gii``), and its media type.

    Raises
    ------
    KeyError
        There is no such file, or ``shows`` is none of `SHOWS`.
    UserError
        No such subject, or nothing can be drawn.
    """
    if name not in (*PICTURES, "brain.json", *(f"{side}.func.gii" for side in SIDES)) or shows not in SHOWS:
        raise KeyError(name)
    folder = str(conf.runs() / run.record_path)
    return _of_record(folder, run.benchmark.dataset, run.benchmark.dataset_hash, name, shows, subject)


@lru_cache(maxsize=64)
def _of_benchmark(dataset: str, dataset_hash: str, name: str, region: str) -> tuple[bytes, str]:
    from gyral.brain.shown import map_dataset, paint_dataset  # slow: loads pandas

    return _made(paint_dataset(map_dataset(dataset, dataset_hash), region=region), name)


@lru_cache(maxsize=128)
def _of_record(
    folder: str, dataset: str, dataset_hash: str, name: str, shows: str, subject: str
) -> tuple[bytes, str]:
    return _made(_painted(folder, dataset, dataset_hash, shows, subject), name)


def _painted(folder: str, dataset: str, dataset_hash: str, shows: str, subject: str) -> Any:
    from gyral.brain.shown import map_dataset, paint_record, record_units  # slow: loads pandas
    from gyral.result import load_record

    mapped = map_dataset(dataset, dataset_hash)
    units = record_units(Path(folder))
    # Whoever calls has compared with SHOWS.
    return paint_record(mapped, load_record(Path(folder)), units, show=shows, subject=subject)  # type: ignore[arg-type]


def _made(painting: Any, name: str) -> tuple[bytes, str]:
    from gyral.brain.picture import brain_svg
    from gyral.brain.surface_file import painting_gifti

    if name in PICTURES:
        return brain_svg(painting, dark=name == "brain-dark.svg").encode(), "image/svg+xml"
    if name == "brain.json":
        return dumped(brain_payload(painting)), "application/json; charset=utf-8"
    return painting_gifti(painting, name.partition(".")[0]), _GIFTI


@lru_cache(maxsize=4)
def surface_file(name: str) -> tuple[bytes, str]:
    """``left.surf.gii`` (the inflated surface) or ``left.shape.gii`` (sulci), and its media type.

    Raises
    ------
    KeyError
        There is no such file.
    """
    from gyral.brain.surface_file import depth_gifti, surface_gifti

    kinds = {f"{side}.surf.gii": (surface_gifti, side) for side in SIDES}
    kinds |= {f"{side}.shape.gii": (depth_gifti, side) for side in SIDES}
    make, side = kinds[name]
    return make(side), _GIFTI


def brain_payload(painting: Any) -> dict[str, Any]:
    """What the picture shows, vertex by vertex."""
    import numpy as np  # loaded with what painted

    vertices = [
        {"hemisphere": side, "vertex": int(v), "value": round(float(values[v]), 6)}
        for side, values in painting.values.items()
        for v in np.flatnonzero(np.isfinite(values))
    ]
    return {
        "surface": DRAWN,
        "title": painting.title,
        "unit": painting.unit,
        "names": list(painting.names),
        "colours": [colour_of_name(n) for n in range(len(painting.names))] or list(STEPS),
        "low": None if painting.names else painting.low,
        "high": None if painting.names else painting.high,
        "notes": list(painting.notes),
        "vertices": vertices,
    }


def record_context(run: Run, asked: dict[str, str], subjects: list[str]) -> dict[str, Any]:
    """What the record's page says of the picture: why there is none, or which one is shown of which there are.

    Parameters
    ----------
    run : Run
    asked : dict
        ``brain`` and ``subject`` of the address; what is not known is as if it were not there.
    subjects : list of str
        That the record has rows of.
    """
    why = why_no_brain(run.benchmark.dataset, run.benchmark.dataset_hash)
    # Of dissimilarities a region has a score as a whole, and its units have none.
    known = SHOWS if run.benchmark.task == "encoding" else SHOWS[1:]
    shows, subject = asked.get("brain", ""), asked.get("subject", "")
    shows = shows if shows in known else known[0]
    subject = subject if subject in subjects else "all"
    query = urlencode({"brain": shows, "subject": subject})
    return {"why": why, "known": known, "shows": shows, "subject": subject, "subjects": subjects, "query": query}
