"""Which readout finds which planted truth: the first table of docs/readouts.md.

    python tests/benchmarks/planted.py [--seeds 4] [--samples 300] [--readouts ridge fwrf ...]

Median r2 / NC over 40 units on 600 held-out samples, mean over seeds and the range; 16 channels on 8 x 8, NC .5
(`tests/support/planted_readouts.py`). CPU seconds are means of a fit.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from gyral.readouts.spec import open_readout
from planted_readouts import planted

READOUTS = ("ridge", "gap", "fwrf", "factorized", "gaussian", "gaussian:read=pool", "semantic", "attention")
TRUTHS = ("field", "routed", "dense", "average")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--readouts", nargs="+", default=(*READOUTS, "attention-full"))
    asked = parser.parse_args()
    print("| readout | " + " | ".join(TRUTHS) + " | CPU s a fit |\n|---|" + "---|" * (len(TRUTHS) + 1))
    for name in asked.readouts:
        cells, clock = [], time.process_time()
        for truth in TRUTHS:
            scores = [planted(truth, asked.samples, seed).score(open_readout(name)) for seed in range(asked.seeds)]
            cells.append(f"{np.mean(scores):.2f} [{min(scores):.2f}, {max(scores):.2f}]")
        seconds = (time.process_time() - clock) / (len(TRUTHS) * asked.seeds)
        print(f"| `{name}` | " + " | ".join(cells) + f" | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
