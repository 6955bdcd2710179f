"""Suites: carried from the library into the database, found again, and turned into the state of a board."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from django.urls import reverse

from gyral.benchmarks.suites import SUITES
from gyral.benchmarks.suites import Suite as Declared
from gyral_portal.leaderboard.look import Look
from gyral_portal.leaderboard.models import Suite
from gyral_portal.leaderboard.scope import Scope, find_scope
from gyral_submissions.models import Benchmark


@dataclass(frozen=True)
class Part:
    """One member of a suite: ``benchmark`` is None where this site has not got it."""

    identifier: str
    weight: float
    benchmark: Benchmark | None


def sync_suites(declared: tuple[Declared, ...] = SUITES) -> Iterator[tuple[str, str]]:
    """Bring the rows up to date with the library; identifier and outcome of each, safe to repeat.

    A suite never changes: other members or weights under an old version are refused.
    """
    for one in declared:
        row = Suite.objects.filter(name=one.name, version=one.version).first()
        if row is not None and row.content_hash != one.content_hash:
            yield one.id, "refused: its members changed, and a suite never does; give it a new version"
            continue
        said = {"title": one.title, "summary": one.summary, "modality": one.modality, "retired": False}
        fixed = {"content_hash": one.content_hash, "members": [asdict(member) for member in one.members]}
        _, created = Suite.objects.update_or_create(name=one.name, version=one.version, defaults=said | fixed)
        yield one.id, "created" if created else "there"
    names = {one.id for one in declared}
    for row in Suite.objects.filter(retired=False):
        if row.identifier not in names:
            Suite.objects.filter(pk=row.pk).update(retired=True)
            yield row.identifier, "retired"


def parts_of(suites: list[Suite]) -> dict[int, list[Part]]:
    """Members by suite id, in order; one query for all."""
    names = {str(m["benchmark"]).partition("@")[0] for suite in suites for m in suite.members}
    here = {b.identifier: b for b in Benchmark.objects.filter(name__in=names)}
    return {
        suite.pk: [Part(m["benchmark"], m["weight"], here.get(m["benchmark"])) for m in suite.members]
        for suite in suites
    }


def scope_of(parts: list[Part]) -> Scope | None:
    """The board of those members that are here; None where there are none."""
    here = [part.identifier for part in parts if part.benchmark is not None]
    return find_scope("+".join(here)) if here else None


def look_of(parts: list[Part]) -> Look:
    """Main regions as columns; the suite's weights, where every counted member is here: a mean of fewer is another one."""
    there = [part for part in parts if part.benchmark is not None]
    keys = {part.identifier: _key(part, alone=len(there) == 1) for part in there}
    whole = all(part.benchmark is not None for part in parts if part.weight)
    weights = {keys[part.identifier]: part.weight for part in there if part.weight} if whole else {}
    return Look(columns=tuple(keys.values()), weights=weights, mean=bool(weights))


def board_address(parts: list[Part]) -> str:
    """Address of the board with the suite's columns and weights; empty where no member is here."""
    scope = scope_of(parts)
    return look_of(parts).address(reverse("leaderboard:board", args=[scope.reference])) if scope else ""


def _key(part: Part, *, alone: bool) -> str:
    region = part.benchmark.main_region if part.benchmark is not None else ""
    return region if alone else f"{part.identifier}/{region}"
