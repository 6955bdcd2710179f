"""Stimuli on pages: only where the data's owners allow display, and read from the built pack alone."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gyral.datasets.catalogue import find_pack
from gyral.datasets.sound import ENDINGS
from gyral.errors import UserError
from gyral_submissions.models import Benchmark
from gyral_submissions.rules import Viewer

MOST = 12


@dataclass(frozen=True)
class Sample:
    """One stimulus: its text, or the row under which its image or sound is served."""

    row: int
    id: str
    text: str
    is_image: bool
    is_sound: bool = False


def may_be_shown(benchmark: Benchmark, viewer: Viewer) -> bool:
    """True if ``display`` lets ``viewer`` see the stimuli."""
    if benchmark.display == "login":
        return bool(viewer and viewer.is_authenticated)
    return bool(benchmark.display == "public")


def samples(benchmark: Benchmark, viewer: Viewer) -> list[Sample]:
    """Up to twelve stimuli, evenly spread; none where they may not be shown or the pack is not here."""
    if not may_be_shown(benchmark, viewer):
        return []
    table, _ = _table(benchmark)
    count = len(table)
    step = max(1, count // MOST)
    return [_sample(row, table[row]) for row in range(0, count, step)][:MOST]


def _sample(row: int, fields: dict[str, Any]) -> Sample:
    file = str(fields.get("file") or "").lower()
    is_sound = file.endswith(ENDINGS)
    return Sample(row, str(fields["id"]), str(fields.get("text") or ""), bool(file) and not is_sound, is_sound)


def media_type(path: Path) -> str | None:
    """Of a sound what browsers call its format, whatever the machine's tables say; None of others: as they say."""
    suffix = path.suffix.lower()
    if suffix not in ENDINGS:
        return None
    return {".wav": "audio/wav", ".flac": "audio/flac"}.get(suffix, "audio/ogg")


def served(benchmark: Benchmark, row: int, viewer: Viewer) -> Path | None:
    """File of one of the samples, an image or a sound, or None where there is none to be shown."""
    if row not in {s.row for s in samples(benchmark, viewer) if s.is_image or s.is_sound}:
        return None
    table, pack = _table(benchmark)
    if pack is None:
        return None
    path = (pack / str(table[row]["file"])).resolve()
    return path if path.is_relative_to(pack.resolve()) and path.is_file() else None


def _table(benchmark: Benchmark) -> tuple[list[dict[str, Any]], Path | None]:
    try:
        pack = find_pack(benchmark.dataset)
    except UserError:
        pack = None
    if pack is None or not (pack / "stimuli.parquet").is_file():
        return [], None
    return _rows(pack / "stimuli.parquet", (pack / "stimuli.parquet").stat().st_mtime_ns), pack


@lru_cache(maxsize=8)
def _rows(path: Path, changed: int) -> list[dict[str, Any]]:
    """Rows of a pack's stimulus table; read again once the file is ``changed``."""
    from pyarrow import parquet  # slow, and only this page needs it

    wanted = [c for c in ("id", "file", "text") if c in parquet.read_schema(path).names]
    rows: list[dict[str, Any]] = parquet.read_table(path, columns=wanted).to_pylist()
    return rows
