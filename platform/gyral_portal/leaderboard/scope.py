"""Scope: which benchmarks a board's address names, and in which edition each of them is."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db import connection
from django.http import Http404

from gyral_submissions.domain.queries.grid import columns_of
from gyral_submissions.models import Benchmark

WORDS = {"all": "All benchmarks", "vision": "Vision", "language": "Language", "audio": "Audio"}
MOST = 200  # benchmarks of one board
_SELECT = "SELECT id, name, version, modality, retired, simulated, edition FROM gyral_submissions_benchmark ORDER BY version DESC"
_kept: dict[tuple[int, str], Benchmark] = {}
_keys: dict[str, Sequence[str]] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Named:
    """One version of a benchmark, as far as an address needs it."""

    pk: int
    name: str
    version: int
    modality: str
    retired: bool
    simulated: bool
    edition: str  # hexadecimal

    @property
    def identifier(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Scope:
    """What a board is of.

    Parameters
    ----------
    reference : str
        As it stands in addresses: ``NAME@VERSION``, several of them joined by ``+``, or one of ``WORDS``.
    named : sequence of Named
        Its benchmarks, in the order of columns.
    others : sequence of Named
        Other versions of the benchmark, where it is of one.
    """

    reference: str
    named: Sequence[Named]
    others: Sequence[Named] = ()

    @property
    def is_single(self) -> bool:
        """True for the board of one benchmark."""
        return len(self.named) == 1 and self.reference not in WORDS

    @cached_property
    def edition(self) -> str:
        """Changes with everything that everybody sees on the board."""
        everything = [*self.named, *self.others]
        return ",".join(f"{n.pk}:{n.edition}:{n.retired:d}" for n in everything)

    def benchmarks(self) -> list[Benchmark]:
        """The rows, without what only their own pages show; a query only for editions that are new here."""
        with _lock:
            missing = [n.pk for n in self.named if (n.pk, n.edition) not in _kept]
        if missing:
            found = Benchmark.objects.filter(pk__in=missing).defer("about")
            with _lock:
                for benchmark in found:
                    for old in [k for k in _kept if k[0] == benchmark.pk]:
                        del _kept[old]
                    _kept[benchmark.pk, benchmark.edition.hex] = benchmark
        with _lock:
            by_pk = {pk: benchmark for (pk, _), benchmark in _kept.items()}
        return [by_pk[n.pk] for n in self.named if n.pk in by_pk]

    def keys(self) -> Sequence[str]:
        """Keys of its columns, as addresses name them."""
        with _lock:
            found = _keys.get(self.edition)
        if found is None:
            found = [column.key for column in columns_of(self.benchmarks())]
            with _lock:
                if len(_keys) > 100:
                    _keys.clear()
                _keys[self.edition] = found
        return found


def find_scope(reference: str) -> Scope:
    """The scope that an address names; one query.

    Raises
    ------
    Http404
        There is no such benchmark, or there are more than `MOST`.
    """
    known = _known()
    if reference in WORDS:
        newest: dict[str, Named] = {}
        for one in sorted(known, key=lambda n: n.version):
            if not one.retired and reference in ("all", one.modality):
                newest[one.name] = one
        ordered = sorted(newest.values(), key=lambda n: (n.modality != "vision", n.modality, n.simulated, n.name))
        return Scope(reference, ordered[:MOST])
    parts = list(dict.fromkeys(reference.split("+")))
    if len(parts) > MOST:
        raise Http404(f"A board holds at most {MOST} benchmarks.")
    found = [_find(part, known) for part in parts]
    others = [n for n in known if n.name == found[0].name and n.pk != found[0].pk] if len(found) == 1 else []
    return Scope("+".join(n.identifier for n in found), found, others)


def _known() -> list[Named]:
    """All benchmarks, newest version first. In SQL of our own: every kept answer begins here, and to have Django write this
    statement takes longer than all the rest of one. SQLite has editions as text."""
    with connection.cursor() as cursor:
        cursor.execute(_SELECT)
        rows = cursor.fetchall()
    return [
        Named(pk, name, version, modality, bool(retired), bool(simulated), getattr(edition, "hex", edition))
        for pk, name, version, modality, retired, simulated, edition in rows
    ]


def _find(reference: str, known: Sequence[Named]) -> Named:
    """As `gyral_portal.leaderboard.find.find_benchmark`, among rows that were read."""
    name, at, version = reference.partition("@")
    found = [n for n in known if n.name == name and (not at or str(n.version) == version)]
    if not found:
        raise Http404(f"There is no benchmark {reference!r}.")
    return min(found, key=lambda n: (n.retired, -n.version))
