"""Finding what an address names, or saying 404."""

from typing import TypeVar

from django.db.models import QuerySet
from django.http import Http404

from gyral_portal.leaderboard.models import Suite
from gyral_submissions.models import Benchmark

Versioned = TypeVar("Versioned", Benchmark, Suite)


def find_benchmark(reference: str) -> Benchmark:
    """The benchmark called ``NAME`` (newest version) or ``NAME@VERSION``; 404 where there is none."""
    return _newest(Benchmark.objects.all(), "benchmark", reference)


def find_suite(reference: str) -> Suite:
    """The suite called ``NAME`` (newest version) or ``NAME@VERSION``; 404 where there is none."""
    return _newest(Suite.objects.all(), "suite", reference)


def _newest(known: QuerySet[Versioned], kind: str, reference: str) -> Versioned:
    name, at, version = reference.partition("@")
    found = known.filter(name=name)
    if at:
        if not version.isdecimal() or len(version) > 9:
            raise Http404(f"There is no {kind} {reference!r}.")
        found = found.filter(version=int(version))
    newest = found.order_by("retired", "-version").first()
    if newest is None:
        raise Http404(f"There is no {kind} {reference!r}.")
    return newest
