"""Fuzz the intake: at least 10,000 cases on headers, archives, graphs, cards, tables, tokenizers and the wire.

    python tests/benchmarks/fuzz.py [--cases 10000] [--only TARGET ...]

Every case meets a child process with 1 GiB of memory. It may be accepted or refused by a named error; a traceback, a hang, or the death
of a process that would have been the site's own ends the run with status 1. Deaths of what runs in a guest are counted.
"""

import argparse
import sys
import tempfile
import time
from math import ceil
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fuzzing import ALL, Outcome, run


def main() -> int:
    """Run and print one line a target; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000, help="in all, shared evenly")
    parser.add_argument("--only", nargs="+", choices=ALL, default=list(ALL))
    chosen = parser.parse_args()
    each, done, broken = ceil(chosen.cases / len(chosen.only)), list[Outcome](), 0
    print(f"{'target':14} {'cases':>6} {'accepted':>9} {'refused':>8} {'died':>5}  where  seconds")
    with tempfile.TemporaryDirectory(prefix="gyral-fuzz-") as folder:
        for target in chosen.only:
            began = time.monotonic()
            try:
                found = run(target, each, Path(folder) / target)
            except AssertionError as error:
                broken += 1
                print(f"{target:14} BROKEN\n{error}", flush=True)
                continue
            done.append(found)
            ends, place = found.ends, "host" if found.is_host else "guest"
            seconds = time.monotonic() - began
            print(
                f"{target:14} {found.cases:6} {ends['accepted']:9} {ends['refused']:8} {ends['died']:5}  {place:5} {seconds:8.1f}",
                flush=True,
            )
            for death in sorted(set(found.deaths)):
                print(f"  died: {death}")
    cases, deaths = sum(found.cases for found in done), sum(len(found.deaths) for found in done)
    parents = sum(len(found.deaths) for found in done if found.is_host)
    print(
        f"{cases} cases, {broken} targets broken, {deaths - parents} guests died, {parents} deaths of the parent"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
