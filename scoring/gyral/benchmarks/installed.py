"""All benchmarks of this machine: the bundled ones and one for each pack an operator installed."""

import tomllib

from gyral.benchmarks.benchmark import Benchmark
from gyral.benchmarks.catalogue import BUNDLED
from gyral.benchmarks.catalogue import find_benchmark as find
from gyral.datasets.catalogue import dataset_names
from gyral.errors import UnknownName
from gyral.places import home


def all_benchmarks() -> tuple[Benchmark, ...]:
    """Bundled benchmarks, then those declared in the ``[benchmark]`` table of installed packs."""
    found = list(BUNDLED)
    for path in sorted((home() / "packs").glob("*/dataset.toml")):
        declared = tomllib.loads(path.read_text("utf-8")).get("benchmark")
        if declared:
            found.append(Benchmark(**declared))
    return tuple(found)


def find_benchmark(reference: str) -> Benchmark:
    """The benchmark called ``NAME`` or ``NAME@VERSION``, bundled or installed.

    Raises
    ------
    UnknownName
        There is none (``unknown-benchmark``); of a dataset's name the error says which benchmarks it has, if any.
    """
    known = all_benchmarks()
    try:
        return find(reference, known)
    except UnknownName as error:
        if reference in dataset_names():
            own = sorted(b.id for b in known if b.dataset == reference)
            error.what = f"{reference!r} is a dataset, and no benchmark is called so."
            error.mend = (
                f"Those on it: {', '.join(own)}."
                if own
                else f"It has no board: `gyral decode {reference}` decodes categories, `gyral audit {reference}` looks at its split."
            )
        raise
