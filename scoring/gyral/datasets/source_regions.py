"""Regions of a source over all subjects: what files say, joined by name."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations
from typing import Protocol

import numpy as np
import pandas as pd

from gyral.datasets.readers.recording import FoundRegion
from gyral.datasets.region import Region
from gyral.datasets.source import RegionSource, Source
from gyral.datasets.source_parts import REGION_NAME, REGION_NAMES
from gyral.errors import BadDataset

_NAMED = 3  # overlaps and dropped regions named in a note


class OfSubject(Protocol):
    """Units and regions of one subject: of an opened recording, or of a written one."""

    @property
    def units(self) -> pd.DataFrame:
        """A row a unit."""
        ...

    @property
    def regions(self) -> tuple[FoundRegion, ...]:
        """Regions, units as rows of the table."""
        ...


def merge_regions(source: Source, subjects: Mapping[str, OfSubject]) -> tuple[list[Region], list[str]]:
    """Regions over the units of all subjects in order of appearance, and notes on small and overlapping ones.

    Raises
    ------
    BadDataset
        A region has fewer units than ``at_least`` and may not be dropped (``region-small``), one name stands for two
        places in the hierarchy (``region-path``), or no region is left.
    """
    if source.responses is None:
        return [], []
    offset, own, told = 0, defaultdict[str, list[np.ndarray]](list), dict[str, FoundRegion]()
    for name, subject in subjects.items():
        _require_names(name, subject)
        for region in subject.regions:
            known = told.setdefault(region.name, region)
            if known.path != region.path:
                raise BadDataset(
                    f"region {region.name!r} stands at {' > '.join(known.path)} and at {' > '.join(region.path)}.",
                    where="regions",
                    code="region-path",
                )
            own[region.name].append(region.units + offset)
        offset += len(subject.units)
    notes: list[str] = []
    regions, small = [], []
    # In the order of the description, whatever files were read first.
    order = {name: source.regions.index(_rule(source, region)) for name, region in told.items()}
    for name, region in sorted(told.items(), key=lambda item: order[item[0]]):
        units = np.unique(np.concatenate(own[name])).astype(np.int64)
        rule = _rule(source, region)
        if len(units) < rule.at_least:
            small.append(f"{name} ({len(units)})")
            many = rule.atlas is not None or rule.column is not None
            if (rule.smaller or ("drop" if many else "refuse")) == "refuse":
                raise BadDataset(
                    f"region {name!r} has {len(units)} units, at least {rule.at_least} are asked for.",
                    where="regions",
                    mend='Lower at_least, or let smaller = "drop" leave it out.',
                    code="region-small",
                )
            continue
        regions.append(Region(name, units, region.path, region.title))
    if small:
        notes.append(f"{len(small)} regions with too few units were left out: {', '.join(small[:_NAMED])}")
    if not regions:
        raise BadDataset(
            "no region is declared or left; scores are given by region.",
            where="regions",
            mend='All units may be one: [[regions]] name = "all", all = true.',
            code="no-region",
        )
    return regions, [*notes, *_overlaps(regions)]


def _require_names(subject: str, written: OfSubject) -> None:
    """Refuse names that stand twice or that no region may have."""
    names = [r.name for r in written.regions]
    if twice := [n for (n, _), count in Counter((r.name, r.path) for r in written.regions).items() if count > 1]:
        raise BadDataset(
            f"{len(twice)} regions of subject {subject!r} are declared twice, {twice[0]!r} first.",
            where="regions",
            mend="Two atlases with names in common, or a mask beside an atlas that has the region: rename one of them in its table of labels. "
            "Two hemispheres are two images of one atlas: atlas = ['lh.nii.gz', 'rh.nii.gz'].",
            code="region-twice",
        )
    for name in names:
        if re.fullmatch(REGION_NAME, name) is None:
            raise BadDataset(
                f"{name!r} cannot be a region's name: {REGION_NAMES}.",
                where="regions",
                mend="Rename it in the table of labels, or in the column.",
                code="region-name",
            )


def _rule(source: Source, found: FoundRegion) -> RegionSource:
    """The table that declared a region: by name, else the atlas or column whose path it continues."""
    for region in source.regions:
        if region.name == found.name:
            return region
    many = [r for r in source.regions if r.atlas is not None or r.column is not None]
    return max(many, key=lambda r: len(r.path) if found.path[: len(r.path)] == r.path else -1)


def _overlaps(regions: list[Region]) -> list[str]:
    every = np.concatenate([region.units for region in regions])
    # parcels do not overlap, and of a fine parcellation there are too many pairs to look at each
    if len(np.unique(every)) == len(every) or len(regions) > 200:
        return []
    shared = [
        (a.name, b.name, n) for a, b in combinations(regions, 2) if (n := len(np.intersect1d(a.units, b.units)))
    ]
    if not shared:
        return []
    first = ", ".join(f"{a} and {b} share {n} units" for a, b, n in shared[:_NAMED])
    return [f"{len(shared)} pairs of regions overlap: {first}"]
