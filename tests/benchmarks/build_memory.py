"""Memory and time of `gyral data build`, as rows and units grow: slopes that say what 300,000 vertices x 10,000 rows cost.

    python tests/benchmarks/build_memory.py

Each cell is a build in a fresh process over a made ``.npy`` of trials x units; what is measured is the largest amount of
memory of its own (RssAnon: pages of files that are read or written do not count, the kernel takes them back) above that of a
build of 50 rows x 1,000 units. A line ``a + b * rows + c * units`` is fitted and evaluated at full size.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

CELLS = ((50, 1_000), (500, 10_000), (2_000, 10_000), (8_000, 10_000), (500, 40_000), (2_000, 40_000))
FULL = (10_000, 300_000)
BUDGET = 64 << 20


def own_memory() -> int:
    """Anonymous resident bytes of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise OSError("no RssAnon in /proc/self/status")


def build(folder: Path) -> None:
    """Build and print what it cost."""
    from gyral.datasets.source_build import build_pack

    peak, done = [own_memory()], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], own_memory())

    thread = threading.Thread(target=watch)
    thread.start()
    start = time.perf_counter()
    build_pack(folder, folder / "pack", budget=BUDGET)
    seconds = time.perf_counter() - start
    done.set()
    thread.join()
    print(json.dumps({"peak": peak[0], "seconds": seconds}))


def measure(rows: int, units: int) -> dict[str, float]:
    """One cell, in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        array = np.lib.format.open_memmap(folder / "r.npy", mode="w+", dtype=np.float32, shape=(rows, units))
        draw = np.random.default_rng(0)
        for start in range(0, rows, 500):
            array[start : start + 500] = draw.standard_normal((min(500, rows - start), units), np.float32)
        array.flush()
        lines = [f"s{i},words {i}" for i in range(rows)]
        (folder / "stimuli.csv").write_text("\n".join(["id,text", *lines]) + "\n")
        (folder / "dataset.toml").write_text(
            'source = 1\n[about]\nname = "m"\ntitle = "m"\ndescription = "made"\n'
            '[stimuli]\nmodality = "text"\ntable = "stimuli.csv"\ntext = "text"\n'
            '[responses]\nreader = "array"\nkind = "fMRI"\nunit = "z"\nsubjects = ["s"]\nfiles = "r.npy"\n'
            '[[regions]]\nname = "all"\nall = true\n'
        )
        done = subprocess.run([sys.executable, __file__, str(folder)], capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout))


def main() -> None:
    """Print a line a cell, then the slopes."""
    found = {cell: measure(*cell) for cell in CELLS}
    least = found[CELLS[0]]["peak"]
    print(f"{'rows':>7} {'units':>8} {'data MB':>8} {'extra MB':>9} {'s':>6} {'MB/s':>6}")
    for (rows, units), cell in found.items():
        size = rows * units * 4 / 1e6
        extra = (cell["peak"] - least) / 1e6
        print(f"{rows:7} {units:8} {size:8.0f} {extra:9.1f} {cell['seconds']:6.2f} {size / cell['seconds']:6.0f}")
    design = np.array([[1.0, rows, units] for rows, units in found])
    peaks = np.array([cell["peak"] - least for cell in found.values()])
    base, per_row, per_unit = np.linalg.lstsq(design, peaks, rcond=None)[0]
    print(f"{per_row:.0f} bytes a row, {per_unit:.0f} bytes a unit (tables), {base / 1e6:.0f} MB besides")
    full = base + per_row * FULL[0] + per_unit * FULL[1]
    print(f"{FULL[1]:,} x {FULL[0]:,} ({FULL[0] * FULL[1] * 4 / 1e9:.0f} GB): about {full / 1e6:.0f} MB")


if __name__ == "__main__":
    build(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
