"""Look: the state of a board's page, all of it in the address."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlencode

from gyral_portal.leaderboard.facets import FACETS
from gyral_portal.leaderboard.search import LONGEST

NAME, MEAN = "name", "mean"
_MOST_SAID = 5  # sentences on what was not understood


@dataclass(frozen=True)
class Look:
    """What is shown, and how.

    Parameters
    ----------
    sort : str
        Key of the column that orders the rows, "name" or "mean"; empty for the board's own order.
    up : bool
        Ascending; missing values stand last either way.
    words : str
        Search (`gyral_portal.leaderboard.search`).
    facets : mapping of str to str
        Chosen values of `gyral_portal.leaderboard.facets.FACETS`.
    twins : bool
        Whether the twins' values are shown.
    columns : tuple of str
        Keys of the columns that were picked; empty for all.
    opened : tuple of str or None
        Groups of columns that are open; None for the board's own choice.
    weights : mapping of str to float
        Weights of the columns in the mean; empty: each picked column counts once.
    mean : bool
        Whether a mean over columns is shown.
    on : date or None
        The day whose board is shown.
    page, start : int
        Page of rows, from 1; first column of a wide board, from 0.
    picking : bool
        Whether the column picker is open.
    misread : tuple of str
        What the address asks for and the board has not, a sentence each; the default stands instead.
    """

    sort: str = ""
    up: bool = False
    words: str = ""
    facets: Mapping[str, str] = field(default_factory=dict)
    twins: bool = True
    columns: tuple[str, ...] = ()
    opened: tuple[str, ...] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    mean: bool = False
    on: date | None = None
    page: int = 1
    start: int = 0
    picking: bool = False
    misread: tuple[str, ...] = ()

    @classmethod
    def read(cls, query: Mapping[str, str], keys: Sequence[str]) -> "Look":
        """The state in a query string; what cannot be read falls back to the default, and is said in ``misread``.

        Parameters
        ----------
        query : mapping of str to str
            Parameters.
        keys : sequence of str
            Of the columns there are.
        """
        there = set(keys)
        weights = _weights(query.get("weights", ""), there)
        mean = bool(weights) or query.get("mean", "") == "1"
        sort = query.get("sort", "")
        sort = sort if sort in there or sort == NAME or (sort == MEAN and mean) else ""
        opened = query.get("open")
        return cls(
            sort=sort,
            up=query.get("order", "up" if sort == NAME else "down") == "up",
            words=query.get("q", "").strip()[:LONGEST],
            facets={name: query[name][:200] for name in FACETS if query.get(name)},
            twins=query.get("twins", "1") != "0",
            columns=tuple(dict.fromkeys(k for k in query.get("columns", "").split(",") if k in there)),
            opened=None if opened is None else tuple(k for k in opened.split(",") if k),
            weights=weights,
            mean=mean,
            on=_day(query.get("on", "")),
            page=_whole(query.get("page", ""), 1),
            start=_whole(query.get("start", ""), 0),
            picking=query.get("pick", "") == "1",
            misread=tuple(_misread(query, keys, weights, mean=mean))[:_MOST_SAID],
        )

    def query(self) -> dict[str, str]:
        """The state as query parameters; what is as by default is left out."""
        given: dict[str, Any] = {
            "sort": self.sort,
            "order": ("up" if self.up else "down") if self.up != (self.sort == NAME) else "",
            "q": self.words,
            **self.facets,
            "twins": "" if self.twins else "0",
            "columns": ",".join(self.columns),
            "weights": ",".join(f"{key}:{weight:g}" for key, weight in self.weights.items()),
            "mean": "1" if self.mean and not self.weights else "",
            "on": self.on.isoformat() if self.on else "",
            "page": str(self.page) if self.page > 1 else "",
            "start": str(self.start) if self.start else "",
            "pick": "1" if self.picking else "",
        }
        found = {name: value for name, value in given.items() if value}
        return found if self.opened is None else found | {"open": ",".join(self.opened)}

    def address(self, base: str, **changes: Any) -> str:
        """``base`` with this state, changed; a change of order or filter begins at the first page."""
        if changes and "page" not in changes:
            changes["page"] = 1
        query = replace(self, **changes).query()
        return f"{base}?{urlencode(query, safe='@/,:')}" if query else base


def _weights(text: str, there: set[str]) -> dict[str, float]:
    """``KEY:WEIGHT,...``; weights are above 0 and at most 1000, others are left out."""
    found = {}
    for part in text.split(","):
        key, _, number = part.rpartition(":")
        try:
            weight = float(number)
        except ValueError:
            continue
        if key in there and 0 < weight <= 1000:
            found[key] = weight
    return found


def _misread(
    query: Mapping[str, str], keys: Sequence[str], weights: Mapping[str, float], *, mean: bool
) -> Iterator[str]:
    """What an address asks for in vain."""
    sort = query.get("sort", "")
    if sort == MEAN and not mean:
        yield "It cannot be sorted by a mean that is not shown."
    elif sort and sort not in (NAME, MEAN) and sort not in keys:
        yield f"It cannot be sorted by {sort[:80]!r}: no column is called so{_nearest(sort, keys)}."
    if (order := query.get("order", "")) not in ("", "up", "down"):
        yield f"The order is “up” or “down”, not {order[:20]!r}."
    for key in filter(None, query.get("columns", "").split(",")):
        if key not in keys:
            yield f"There is no column {key[:80]!r}{_nearest(key, keys)}."
    for part in filter(None, query.get("weights", "").split(",")):
        key, _, number = part.rpartition(":")
        if key not in keys:
            yield f"There is no column {(key or part)[:80]!r} to give a weight{_nearest(key or part, keys)}."
        elif key not in weights:
            yield f"The weight {number[:20]!r} of {key!r} is no number above 0 and up to 1000."
    if (on := query.get("on", "")) and _day(on) is None:
        yield f"{on[:20]!r} is no day; it is written like 2026-01-31."
    for name, least in (("page", 1), ("start", 0)):
        if (given := query.get(name, "")) not in ("", "all") and str(_whole(given, least)) != given:
            yield f"{given[:20]!r} is no {name} of this board."


def _nearest(key: str, keys: Sequence[str]) -> str:
    near = get_close_matches(key[:200], keys, n=1)
    return f"; the nearest is {near[0]!r}" if near else ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 and int(text) >= default else default
