"""Shown: what of a dataset and of a record is painted on the cortex."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.brain.painting import Named, Painting, claimed, ends, spread
from gyral.brain.placed import COLUMNS, Placed, on_cortex, place_units, why_no_place
from gyral.chart import written
from gyral.datasets.catalogue import find_pack
from gyral.datasets.manifest import Manifest, read_manifest
from gyral.datasets.tables import read_frame
from gyral.errors import BadArrays, Unavailable, UnknownName
from gyral.record import Record, Row

Array = NDArray[np.floating[Any]]
Show = Literal["units", "regions"]
ALL = "all"
_TITLED = 12  # regions that a title names


@dataclass(frozen=True, eq=False)
class Mapped:
    """A dataset whose units are placed.

    Parameters
    ----------
    manifest : Manifest
    units : DataFrame
        Unit table of the pack.
    placed : Placed
        Where its rows are.
    """

    manifest: Manifest
    units: pd.DataFrame
    placed: Placed

    @property
    def titles(self) -> dict[str, str]:
        """Title of each region, in order."""
        return {r.name: r.title or r.name for r in self.manifest.regions}

    @property
    def notes(self) -> tuple[str, ...]:
        """How units came to their vertices, and whether the set is simulated."""
        lost = int((~self.placed.known).sum())
        left = f"; {lost} of {len(self.units)} units are on neither surface and left out" if lost else ""
        said = f"Units stand {self.placed.how}{left}."
        return (said, "Simulated data.") if self.manifest.about.simulated else (said,)

    def members(self, region: str, subject: str = ALL) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Rows of the units of a region."""
        rows = self._rows.get(region, np.zeros(0, np.int64))
        return rows if subject == ALL else rows[(self.units["subject"] == subject).to_numpy()[rows]]

    @cached_property
    def _rows(self) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """Of each region: a pass over the table, not one a region."""
        listed = self.units["regions"].reset_index(drop=True).explode().dropna()
        return {
            str(name): np.sort(own.to_numpy(np.int64)) for name, own in listed.index.to_series().groupby(listed)
        }


def why_not_mapped(name: str, dataset_hash: str = "") -> str:
    """One sentence that says why nothing can be drawn of a dataset here; empty where something can.

    Parameters
    ----------
    name : str
        Of the dataset.
    dataset_hash : str
        Content it must have; empty for any.
    """
    from pyarrow import parquet  # slow, and only asked of a pack that is here

    pack = find_pack(name)
    if pack is None or not (pack / "units.parquet").is_file():
        return "The data are not on this machine, so nothing says where their units are."
    manifest = read_manifest(pack)
    if dataset_hash and manifest.content_hash != dataset_hash:
        return "The data on this machine are not those that were scored, so nothing says where the units are."
    table = pack / "units.parquet"
    here = [c for c in COLUMNS if c in parquet.read_schema(table).names]
    return why_no_place(manifest, parquet.read_table(table, columns=here).to_pandas())


def _mend(name: str, pack: Path | None) -> str | None:
    """What would let a dataset be drawn; None where nothing would."""
    if pack is None or not (pack / "units.parquet").is_file():
        return f"`gyral data fetch {name}` brings them."
    if not on_cortex(read_manifest(pack)):
        return None
    return "Units need hemisphere, vertex and mesh (a common space of surfaces), or x, y, z of a common space: docs/your_data.md."


def map_dataset(name: str, dataset_hash: str = "") -> Mapped:
    """Open the unit table of a dataset and place its units.

    Raises
    ------
    Unavailable
        Nothing can be drawn (``no-geometry``); says why.
    """
    why, pack = why_not_mapped(name, dataset_hash), find_pack(name)
    if why or pack is None:
        raise Unavailable(why, where=name, mend=_mend(name, pack), code="no-geometry")
    manifest, units = read_manifest(pack), read_frame(pack / "units.parquet")
    return Mapped(manifest, units, place_units(units, simulated=manifest.about.simulated))


def paint_dataset(mapped: Mapped, *, region: str = "") -> Painting:
    """Regions by name; of ``region`` alone where one is named.

    Raises
    ------
    UnknownName
        No such region.
    """
    names = [r.name for r in mapped.manifest.regions]
    if region and region not in names:
        raise UnknownName("region", region, names)
    chosen = [region] if region else names
    members = [mapped.members(name) for name in chosen]
    values = claimed(mapped.placed, members)
    titles = tuple(mapped.titles[name] for name in chosen)
    several = mapped.units["subject"].nunique()
    notes = (f"Units of {several} subjects together.",) if several > 1 else ()
    title = f"Regions of {mapped.manifest.about.title} on the cortex"
    return Painting(values, title, names=titles, notes=(*notes, *mapped.notes))


def paint_record(
    mapped: Mapped, record: Record, units: pd.DataFrame, *, show: Show = "units", subject: str = ALL
) -> Painting:
    """Scores of single units, or each unit with the score of its region.

    Parameters
    ----------
    mapped : Mapped
        The record's dataset.
    record : Record
    units : DataFrame
        ``units.parquet`` of the record: ``region``, ``subject``, ``unit`` (a row of the dataset's unit table), ``r``.
    show : {"units", "regions"}
    subject : str
        One of the record's, or ``all``: then the mean over subjects whose units share a vertex.

    Raises
    ------
    UnknownName
        No such subject.
    BadArrays
        The record says nothing of single units (``no-geometry``).
    """
    known = sorted({r.subject for r in record.chosen} | {ALL})
    if subject not in known:
        raise UnknownName("subject", subject, known)
    whole = record.rows[0].readout == "none" or not {"region", "subject", "unit", "r"} <= set(units.columns)
    if show == "units" and whole:
        raise BadArrays(
            "the record has no scores of single units.",
            where=record.model.name,
            mend="Draw those of its regions.",
            code="no-geometry",
        )
    numbers = _of_units(mapped, units) if show == "units" else _of_regions(mapped, record, subject)
    if subject != ALL:
        numbers = np.where((mapped.units["subject"] == subject).to_numpy(), numbers, np.nan)
    values = spread(mapped.placed, numbers)
    # Few scores of regions are all told apart; of many units the highest would take the colours from the rest.
    low, high = ends(values, beyond=2.0 if show == "units" else 0.0)
    metric = "Pearson r" if record.benchmark.metric == "pearson" or show == "units" else record.benchmark.metric
    whose = "" if subject == ALL else f", {subject}"
    rows = _rows_of_regions(record, subject)
    title = f"Score of each {show[:-1]} of {record.model.name} on {record.benchmark.id}{whose}: {metric}"
    title += _which(mapped, rows, show)
    return Painting(
        values,
        title,
        f"{metric} of each unit" if show == "units" else f"{metric}, {_pooled(record)}",
        low=low,
        high=high,
        notes=(_says(int(np.isfinite(numbers).sum()), show), *_clipped(values, low, high), *mapped.notes),
        regions=_named(mapped, rows, subject) if show == "regions" else None,
    )


def _which(mapped: Mapped, rows: Sequence[Row], show: Show) -> str:
    """Which regions are shown, for a title; nothing where all are."""
    if show == "units" and {r.region for r in rows} >= set(mapped.titles):
        return ""
    if show == "units" and len(rows) <= _TITLED:  # the legend names those that are painted by region
        return f"; {', '.join(mapped.titles.get(r.region, r.region) for r in rows)}"
    return f"; {len(rows)} regions"


def _says(count: int, show: Show) -> str:
    if show == "units":
        return f"{count} units have a score; a vertex shows the mean over its units."
    return f"{count} units stand for their regions, each with its region's score, of several regions that of the smallest."


def _clipped(values: Mapping[str, Array], low: float, high: float) -> list[str]:
    """What lies beyond the colour bar."""
    below, above = Painting(values, "", low=low, high=high).beyond
    known = np.concatenate([v[np.isfinite(v)] for v in values.values()])
    told = [f"{below} vertices lie below it, down to {written(known.min(), 2)}"] if below else []
    told += (
        [f"{above} {'' if below else 'vertices '}lie above it, up to {written(known.max(), 2)}"] if above else []
    )
    return [f"Of the colour bar: {'; '.join(told)}."] if told else []


def _named(mapped: Mapped, rows: Sequence[Row], subject: str) -> Named:
    """Regions that have a score, with it."""
    known = [r for r in rows if len(mapped.members(r.region, subject))]
    return Named(
        claimed(mapped.placed, [mapped.members(r.region, subject) for r in known]),
        tuple(f"{mapped.titles.get(r.region, r.region)} {written(float(r.value or 0.0), 3)}" for r in known),
        tuple(float(r.value or 0.0) for r in known),
    )


def _pooled(record: Record) -> str:
    return "median over units" if not record.benchmark.metric.startswith("identification-") else "of the region"


def _of_units(mapped: Mapped, units: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """r of each row of the dataset's table; of a unit in several regions that of the smallest."""
    out = np.full(len(mapped.units), np.nan)
    sizes = units.groupby("region")["unit"].transform("size")
    ordered = units.iloc[np.argsort(-sizes.to_numpy(), kind="stable")]
    out[ordered["unit"].to_numpy(np.int64)] = ordered["r"].to_numpy(np.float64)
    return out


def _of_regions(mapped: Mapped, record: Record, subject: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Value of its region at each row of the dataset's table; of several regions that of the smallest."""
    out = np.full(len(mapped.units), np.nan)
    rows = _rows_of_regions(record, subject)
    for row in sorted(rows, key=lambda r: -r.n_units):
        out[mapped.members(row.region, subject)] = row.value
    return out


def _rows_of_regions(record: Record, subject: str) -> list[Row]:
    return [r for r in record.chosen if r.subject == subject and r.value is not None]


def record_units(folder: Path) -> pd.DataFrame:
    """``units.parquet`` of a record; without columns where it has none."""
    file = folder / "units.parquet"
    return read_frame(file) if file.is_file() else pd.DataFrame()
