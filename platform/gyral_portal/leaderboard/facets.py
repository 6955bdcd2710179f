"""Facets: what a board can be filtered by, with the number of models each choice would leave."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.corpus import CORPORA
from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.grid import Grid
from gyral_submissions.enums import Tier

UNSAID = "not-declared"
_SIZES = (("below-1m", 10**6), ("1m-10m", 10**7), ("10m-100m", 10**8), ("100m-1g", 10**9))
_LARGEST = "1g-and-more"
_WORDS = {
    "below-1m": "below 1 million",
    "1m-10m": "1 to 10 million",
    "10m-100m": "10 to 100 million",
    "100m-1g": "100 million to 1 billion",
    _LARGEST: "1 billion and more",
    UNSAID: "not declared",
    "in-words": "declared in words only",
    "yes": "with a scored twin",
    "no": "twin not scored",
    "none": "no twin possible",
}


@dataclass(frozen=True)
class Choice:
    """One value of a facet, the words for it, and how many models it would leave."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class Facet:
    """A filter as the page shows it."""

    name: str
    label: str
    chosen: str
    choices: Sequence[Choice]


Masks = Mapping[str, NDArray[np.bool_]]
_kept: "weakref.WeakKeyDictionary[Grid, Mapping[str, Masks]]" = weakref.WeakKeyDictionary()


def facet_masks(grid: Grid) -> Mapping[str, Masks]:
    """For each facet and value: which rows have it. Kept as long as the grid is."""
    found = _kept.get(grid)
    if found is None:
        found = {name: _masks(grid, of) for name, (_, of) in FACETS.items()}
        _kept[grid] = found
    return found


def facets_of(
    grid: Grid, chosen: Mapping[str, str], rest: NDArray[np.bool_]
) -> tuple[list[Facet], NDArray[np.bool_]]:
    """All facets, and the rows that every chosen value and ``rest`` (search, dates) leave.

    A choice counts what it would leave beside the other filters, so that no choice ends at nothing by surprise.
    """
    masks = facet_masks(grid)
    nothing = np.zeros(len(grid.facts), bool)
    active = {name: masks[name].get(value, nothing) for name, value in chosen.items() if value and name in masks}
    shown = rest.copy()
    for mask in active.values():
        shown &= mask
    facets = []
    for name, (label, _) in FACETS.items():
        others = rest.copy()
        for other, mask in active.items():
            if other != name:
                others &= mask
        choices = [Choice(v, _label(name, v), int((m & others).sum())) for v, m in masks[name].items()]
        kept = [c for c in choices if c.count or c.value == chosen.get(name)]
        facets.append(Facet(name, label, chosen.get(name, ""), kept))
    return facets, shown


def _masks(grid: Grid, of: Callable[[Facts, bool], Sequence[str]]) -> Masks:
    rows: dict[str, list[int]] = {}
    for n, facts in enumerate(grid.facts):
        for value in of(facts, bool(grid.scored_twin[n])):
            rows.setdefault(value, []).append(n)
    found = {}
    for value in sorted(rows, key=_in_order):
        found[value] = np.zeros(len(grid.facts), bool)
        found[value][rows[value]] = True
    return found


def _size(facts: Facts, scored: bool) -> Sequence[str]:
    if facts.parameters is None:
        return (UNSAID,)
    return (next((name for name, below in _SIZES if facts.parameters < below), _LARGEST),)


def _training(facts: Facts, scored: bool) -> Sequence[str]:
    return tuple(name or "in-words" for name in facts.training) or (UNSAID,)


def _twin(facts: Facts, scored: bool) -> Sequence[str]:
    return ("yes" if scored else "no" if facts.has_twin else "none",)


def _label(facet: str, value: str) -> str:
    if facet == "tier":
        return str(Tier(value).label)
    if facet == "training" and value in CORPORA:
        return CORPORA[value].title
    return _WORDS.get(value, value)


def _in_order(value: str) -> tuple[int, str]:
    """Sizes by size, what is not declared last, the rest by name."""
    fixed = [name for name, _ in _SIZES] + [_LARGEST]
    if value in fixed:
        return fixed.index(value), ""
    return (100 if value in (UNSAID, "in-words", "none") else 50), value.lower()


# Name in addresses: (label, values of a model).
FACETS: dict[str, tuple[str, Callable[[Facts, bool], Sequence[str]]]] = {
    "family": ("Family", lambda f, _: (f.family or UNSAID,)),
    "size": ("Parameters", _size),
    "training": ("Training data", _training),
    "licence": ("Licence", lambda f, _: (f.licence or UNSAID,)),
    "tier": ("Trust", lambda f, _: (f.tier,)),
    "year": ("Since", lambda f, _: (str(f.day.year),)),
    "twin": ("Models by untrained twin", _twin),
}
