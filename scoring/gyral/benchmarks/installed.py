"""All benchmarks of this machine: the bundled ones and one for each pack an operator installed."""

import tomllib

from gyral.benchmarks.benchmark import Benchmark
from gyral.benchmarks.catalogue import BUNDLED
from gyral.benchmarks.catalogue import find_benchmark as find
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
    """The benchmark called ``NAME`` or ``NAME@VERSION``, bundled or installed."""
    return find(reference, all_benchmarks())
