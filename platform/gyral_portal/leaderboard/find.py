"""Finding what an address names, or saying 404."""

from django.http import Http404

from gyral_submissions.models import Benchmark


def find_benchmark(reference: str) -> Benchmark:
    """The benchmark called ``NAME`` (newest version) or ``NAME@VERSION``; 404 where there is none."""
    name, at, version = reference.partition("@")
    found = Benchmark.objects.filter(name=name)
    if at:
        if not version.isdecimal() or len(version) > 9:
            raise Http404(f"There is no benchmark {reference!r}.")
        found = found.filter(version=int(version))
    benchmark = found.order_by("retired", "-version").first()
    if benchmark is None:
        raise Http404(f"There is no benchmark {reference!r}.")
    return benchmark
