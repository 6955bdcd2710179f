"""Table: what a board shows, from its rows and the state in the address; pure functions, no queries.

Order, filters, ranks and heat are worked out here, so that the page, the CSV, the JSON and the API agree.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gyral_submissions.domain.queries.board import BoardRow
from gyral_submissions.enums import Visibility

HEAT_STEPS = 6


@dataclass(frozen=True)
class Mark:
    """What a cell's neighbours make of it.

    Parameters
    ----------
    rank : (int, int) or None
        Best and worst rank that paired differences allow; None where there is none yet, or the model is private.
    heat : int
        0 to 6: the value as a share of the best one shown in its column.
    """

    rank: tuple[int, int] | None
    heat: int


@dataclass(frozen=True)
class Line:
    """One row as shown: the model and, by region, the cell with its mark."""

    row: BoardRow
    marks: Mapping[str, Mark]

    @property
    def is_private(self) -> bool:
        """True where only its owner sees the row."""
        return bool(self.row.submission.visibility == Visibility.PRIVATE)

    @property
    def family(self) -> str:
        """Architecture family that the card names."""
        return family_of(self.row)


@dataclass(frozen=True)
class Look:
    """State of a board's page, all of it in the address.

    Parameters
    ----------
    sort : str
        Region whose column orders the rows, or "name".
    up : bool
        Ascending; missing values stand last either way.
    words : str
        Search: every word must occur in name, title or family.
    family, tier : str
        Only these; empty for all.
    twins : bool
        Whether the twins' values are shown.
    """

    sort: str
    up: bool = False
    words: str = ""
    family: str = ""
    tier: str = ""
    twins: bool = True

    @classmethod
    def read(cls, query: Mapping[str, str], regions: Sequence[str], default: str) -> "Look":
        """The state in a query string; what cannot be read falls back to the default."""
        sort = query.get("sort", default)
        sort = sort if sort == "name" or sort in regions else default
        return cls(
            sort=sort,
            up=query.get("order", "up" if sort == "name" else "down") == "up",
            words=query.get("q", "").strip()[:200],
            family=query.get("family", "")[:200],
            tier=query.get("tier", "")[:40],
            twins=query.get("twins", "1") != "0",
        )

    def query(self) -> dict[str, str]:
        """The state as query parameters."""
        given = {"q": self.words, "family": self.family, "tier": self.tier, "twins": "" if self.twins else "0"}
        return {"sort": self.sort, "order": "up" if self.up else "down"} | {k: v for k, v in given.items() if v}


@dataclass(frozen=True)
class Table:
    """A board as shown: ``lines`` in order, out of ``total`` models; the filters' choices with counts."""

    look: Look
    lines: Sequence[Line]
    total: int
    families: Sequence[tuple[str, int]]
    tiers: Sequence[tuple[str, int]]


def arrange(rows: Iterable[BoardRow], regions: Sequence[str], look: Look) -> Table:
    """Filter, order and colour.

    Ranks are those of all public rows of the board, so that a filter never improves anybody's, and everybody
    finds the same ones; what its owner alone sees has none.
    """
    everything = list(rows)
    shown = sorted((r for r in everything if _matches(r, look)), key=lambda r: _order(r, look))
    best = {region: _best(shown, region) for region in regions}
    lines = [
        Line(row, {n: Mark(_rank(row, n), heat(row.cells[n].value, best[n])) for n in regions if n in row.cells})
        for row in shown
    ]
    tiers = _counted(str(r.submission.tier) for r in everything)
    return Table(look, lines, len(everything), _counted(family_of(r) for r in everything), tiers)


def _rank(row: BoardRow, region: str) -> tuple[int, int] | None:
    return row.cells[region].rank if row.submission.visibility == Visibility.PUBLIC else None


def family_of(row: BoardRow) -> str:
    """Architecture family that a row's card names; empty where it names none."""
    return str(row.submission.card.get("family") or "")


def _order(row: BoardRow, look: Look) -> tuple[Any, ...]:
    name = row.submission.name
    if look.sort == "name":
        # Reversed text order without reversing the whole list: negate code points.
        return (name,) if look.up else (tuple(-ord(c) for c in name),)
    cell = row.cells.get(look.sort)
    if cell is None or cell.value is None:
        return (True, 0.0, name)
    return (False, cell.value if look.up else -cell.value, name)


def _matches(row: BoardRow, look: Look) -> bool:
    submission = row.submission
    text = f"{submission.name} {submission.title} {family_of(row)}".lower()
    return (
        all(word in text for word in look.words.lower().split())
        and look.family in ("", family_of(row))
        and look.tier in ("", submission.tier)
    )


def _best(rows: Sequence[BoardRow], region: str) -> float:
    values = [c.value for r in rows if (c := r.cells.get(region)) is not None and c.value is not None]
    return max(values, default=0.0)


def heat(value: float | None, best: float) -> int:
    """Shade of a value, 0 to 6: its share of the best in its column; 0 for missing values, zero and below."""
    share = value / best if value is not None and best > 0 else 0.0
    return min(HEAT_STEPS, max(0, math.ceil(share * HEAT_STEPS)))


def _counted(words: Iterable[str]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return sorted((w, n) for w, n in counts.items() if w)
