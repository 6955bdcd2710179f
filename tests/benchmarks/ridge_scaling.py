"""Ridge over more and more units, streamed from disk: CPU seconds a unit and peak memory stay level.

    python tests/benchmarks/ridge_scaling.py                    10k, 40k and 160k units (writes 7 GB)
    python tests/benchmarks/ridge_scaling.py --full             and 300k (writes 13 GB)
    python tests/benchmarks/ridge_scaling.py --samples 2000 --budget 0.5

9000 training and 1000 held-out samples of 1024 features; responses are a memory map, predictions are written
to another. Units are cut by `--budget` GB of working memory (`Ridge.working_bytes`), as an evaluation does. Each
count of units runs in a process of its own; "beside" is its peak of memory that belongs to no file, less what it
held before: everything but the page cache. Files go to the temporary folder and are deleted.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.readouts.ridge import Ridge

UNITS, FULL = (10_000, 40_000, 160_000), 300_000


def make(folder: Path, samples: int, features: int, units: int) -> None:
    """Features, and responses written block by block."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, features), dtype=np.float32)
    np.save(folder / "x.npy", x)
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.float32, (samples, units))
    # A few hundred signals, mixed: drawing every unit's own weights would take longer than the fit.
    signals = x @ rng.standard_normal((features, 256), dtype=np.float32) / np.sqrt(np.float32(features))
    noise = rng.standard_normal((samples, 1), dtype=np.float32)
    for start in range(0, units, 2048):
        part = y[:, start : start + 2048]
        mix = rng.standard_normal((256, part.shape[1]), dtype=np.float32) / np.float32(16)
        part[:] = signals @ mix + noise * rng.standard_normal(part.shape[1], dtype=np.float32)
    y.flush()


def own_memory() -> int:
    """Bytes of this process that belong to no file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


class Watch(threading.Thread):
    """Largest `own_memory` seen, looked at fifty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.peak = max(self.peak, own_memory())


def run(folder: Path, units: int, held: int, budget: float) -> None:
    """Fit and predict the first ``units`` columns within the budget."""
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy", mmap_mode="r")
    rows = np.arange(len(x) - held)
    new, folds = np.arange(len(rows), len(x)), contiguous(len(rows), 5).folds
    out = np.lib.format.open_memmap(folder / f"p{units}.npy", "w+", np.float32, (held, units))
    features, ridge = Features("x", x), Ridge()
    step = 2048
    while step < units and ridge.working_bytes(features, len(rows), 2 * step) <= budget * 1e9:
        step *= 2
    before, watch = own_memory(), Watch()
    watch.start()
    begun, inner = time.process_time(), []
    for start in range(0, units, step):
        part = slice(start, min(start + step, units))
        fitted = ridge.fit(features, y[:, part], rows, folds)
        out[:, part] = fitted.predict(features, new)
        inner.append(fitted.inner_r2)
    seconds = time.process_time() - begun
    watch.over.set()
    watch.join()
    needed = ridge.working_bytes(features, len(rows), min(step, units))
    print(
        json.dumps(
            {
                "seconds": seconds,
                "beside": watch.peak - before,
                "step": step,
                "needed": needed,
                "r2": float(np.nanmean(np.concatenate(inner))),
            }
        )
    )


def main() -> None:
    """Write, measure each count of units, print the curve, delete."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="300,000 units as well")
    parser.add_argument("--units", type=int, nargs="*", help="other counts of units")
    parser.add_argument("--samples", type=int, default=9000)
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--budget", type=float, default=1.5, help="GB of working memory")
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    held = options.samples // 9
    if options.run:
        run(options.folder, options.run, held, options.budget)
        return
    counts = options.units or [*UNITS, *([FULL] if options.full else [])]
    bytes_needed = 4 * max(counts) * (options.samples + 2 * held)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if bytes_needed > 0.8 * free:
        sys.exit(f"{bytes_needed / 1e9:.0f} GB are written; {tempfile.gettempdir()} has {free / 1e9:.0f} GB free")
    with tempfile.TemporaryDirectory() as place:
        make(Path(place), options.samples + held, options.features, max(counts))
        print(f"{options.samples} x {options.features}, budget {options.budget} GB\n")
        print("| units | CPU seconds | milliseconds a unit | units at once | beside, MB | working_bytes, MB |")
        print("|---|---|---|---|---|---|", flush=True)
        for units in counts:
            command = [sys.executable, __file__, "--run", str(units), "--folder", place]
            command += ["--budget", str(options.budget), "--samples", str(options.samples)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            print(
                f"| {units} | {found['seconds']:.1f} | {1000 * found['seconds'] / units:.3f} | {found['step']} "
                f"| {found['beside'] / 1e6:.0f} | {found['needed'] / 1e6:.0f} |",
                flush=True,
            )
            (Path(place) / f"p{units}.npy").unlink()


if __name__ == "__main__":
    main()
