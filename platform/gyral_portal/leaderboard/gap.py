"""Gap: how far two readouts of the same data differ, for the same models in the same region."""

from collections.abc import Sequence
from statistics import median

from django.urls import reverse

from gyral_portal.leaderboard.look import Look
from gyral_portal.leaderboard.selected import address_of
from gyral_portal.templatetags.gyral import readout_name, score
from gyral_submissions.domain.queries.grid import Column
from gyral_submissions.models import Benchmark


def is_gap(x: Column | None, y: Column | None) -> bool:
    """True where two columns are one region of the same data by one metric, so that readouts alone set them apart."""
    return x is not None and y is not None and x.name == y.name and are_siblings(x.benchmark, y.benchmark)


def are_siblings(one: Benchmark, other: Benchmark) -> bool:
    """True for two benchmarks of the same data and metric with different readouts."""
    return (
        (one.dataset, one.dataset_hash, one.metric, one.task)
        == (other.dataset, other.dataset_hash, other.metric, other.task)
    ) and one.readout != other.readout


def gap_words(x: Column, y: Column) -> str:
    """Which side of the diagonal is whose."""
    up, across = readout_name(y.benchmark.readout), readout_name(x.benchmark.readout)
    return f"On the diagonal both readouts reach the same; above it {up} reads out more, below it {across} does."


def gap_summary(differences: Sequence[float]) -> str:
    """How many models lie above the diagonal, and how far they lie from it.

    >>> gap_summary([0.02, -0.01, 0.04])
    '2 of 3 models lie above it; the median difference is 0.020.'
    """
    above = sum(d > 0 for d in differences)
    lie = "lies" if above == 1 else "lie"
    return f"{above} of {len(differences)} models {lie} above it; the median difference is {score(median(differences))}."


def gap_links(benchmark: Benchmark) -> list[tuple[str, str]]:
    """For each other readout of the same data and metric: its name, and the picture of main regions; one query."""
    found = Benchmark.objects.filter(dataset=benchmark.dataset, metric=benchmark.metric, retired=False)
    newest = {b.readout: b for b in found.defer("about").order_by("name", "version") if are_siblings(b, benchmark)}
    return [
        (readout_name(readout), _address(benchmark, sibling))
        for readout, sibling in sorted(newest.items())
        if benchmark.main_region in sibling.region_names
    ]


def _address(benchmark: Benchmark, sibling: Benchmark) -> str:
    """This benchmark's readout upwards, the other's to the right."""
    board = reverse("leaderboard:scatter", args=[f"{sibling.identifier}+{benchmark.identifier}"])
    axes = {name: f"{b.identifier}/{benchmark.main_region}" for name, b in (("x", sibling), ("y", benchmark))}
    return address_of(board, Look(), axes)
