"""What threads cost a small fit: banded ridge of a few hundred samples, on all threads and on one.

    python tests/benchmarks/threads.py [--samples 640] [--units 50]

The search solves many small systems through scipy, multiplies through numpy and shrinks through torch, and each of them
keeps threads of its own awake. "one thread" is what `gyral.threads.few_threads` does around such fits.
"""

import argparse
import time
from contextlib import nullcontext

import numpy as np

from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.readouts.banded import Banded
from gyral.threads import few_threads


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=640)
    parser.add_argument("--units", type=int, default=50)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    spaces = [
        Features(f"space {k}", rng.standard_normal((asked.samples, 300)).astype(np.float32)) for k in range(3)
    ]
    drawn = rng.standard_normal((300, asked.units)).astype(np.float32)
    responses = spaces[0].array @ drawn + 30 * rng.standard_normal((asked.samples, asked.units)).astype(np.float32)
    split = contiguous(asked.samples, 5)
    fold = split.folds[0]
    print("| threads | wall seconds | CPU seconds |\n|---|---|---|")
    for name, held in (("one thread", few_threads(0)), ("all threads", nullcontext())):
        wall, cpu = time.perf_counter(), time.process_time()
        with held:
            Banded(weightings=5).fit_spaces(spaces, responses, fold.train, split.inner(fold))
        print(f"| {name} | {time.perf_counter() - wall:.1f} | {time.process_time() - cpu:.1f} |", flush=True)


if __name__ == "__main__":
    main()
