"""Throughput of the readouts of positions against a straightforward torch loop, at equal epochs.

    python tests/benchmarks/gradient.py [--samples 2000] [--side 14] [--channels 384] [--units 500] [--epochs 3]
                                        [--device cpu] [--budget 2.0] [--folder DIR]

Features are a float16 memory map on disk. The plain loop is what one writes first: mini-batches of all channels,
masks pooled before channels are read (spatial first), one fit, nothing else. Its rate is samples x units x epochs
over seconds. Ours is the same count over all seconds of a fit with one member: reading the map, principal
channels, first masks, training and the closed form at its end. Seconds are CPU seconds of one thread (on an
accelerator: wall seconds). Each row runs in a process of its own, so that its peak memory (resident, over that
before the fit) is its own; it is set against ``--budget`` in GiB.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.readouts import READOUTS
from gyral.readouts.factorized import Factorized
from gyral.readouts.gaussian import Gaussian
from gyral.readouts.semantic import Semantic

BATCH = 64


class Plain(nn.Module):
    """Full factorised readout, a mask and channel weights for each unit, pooled over positions first."""

    def __init__(self, positions: int, channels: int, units: int) -> None:
        super().__init__()
        self.space = nn.Parameter(torch.zeros(units, positions))
        self.feature = nn.Parameter(torch.randn(units, channels) * 0.01)
        self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Samples x channels x positions to samples x units."""
        pooled = torch.einsum("icp,up->iuc", x, self.space.softmax(1))
        return (pooled * self.feature).sum(2) + self.bias


def plain(maps: np.ndarray, y: np.ndarray, epochs: int, device: str) -> None:
    """The loop one writes first."""
    samples, channels = maps.shape[:2]
    net = Plain(int(np.prod(maps.shape[2:])), channels, y.shape[1]).to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2)
    target = torch.from_numpy(y).to(device)
    for _ in range(epochs):
        for rows in np.array_split(np.random.default_rng(0).permutation(samples), -(-samples // BATCH)):
            rows = np.sort(rows)
            x = torch.from_numpy(np.asarray(maps[rows], np.float32).reshape(len(rows), channels, -1)).to(device)
            optimiser.zero_grad()
            loss = (net(x) - target[rows]).square().mean(0).sum()
            loss.backward()
            optimiser.step()


def ours(readout: object) -> Callable[[np.ndarray, np.ndarray, int, str], None]:
    """A fit of one member."""

    def fit(maps: np.ndarray, y: np.ndarray, epochs: int, device: str) -> None:
        samples = len(maps)
        inner = contiguous(samples, 5).folds
        # The planted units are of twenty regions, as on a cortex.
        regions = [Region(str(k), part) for k, part in enumerate(np.array_split(np.arange(y.shape[1]), 20))]
        readout.fit(Features("maps", maps), y, np.arange(samples), inner, regions=regions)

    return fit


def readers(epochs: int, device: str) -> dict[str, Callable[[np.ndarray, np.ndarray, int, str], None]]:
    """What is compared, by name."""
    same = {"members": 1, "epochs": epochs, "patience": epochs, "batch": BATCH, "device": device}
    rows = {
        "plain loop": plain,
        "factorized, a mask a unit": ours(Factorized(masks="unit", **same)),
        "factorized, a mask a region": ours(Factorized(masks="region", **same)),
        "gaussian, point": ours(Gaussian(**same)),
        "gaussian, pool": ours(Gaussian(read="pool", **same)),
        "semantic, one region": lambda maps, y, e, d: (
            Semantic(later=epochs, **same).fit(
                Features("maps", maps), y, np.arange(len(maps)), contiguous(len(maps), 5).folds
            )
            and None
        ),
    }
    for name in ("attention", "attention-full"):
        family = READOUTS.load(name)
        known = {k: v for k, v in same.items() if k in family.__dataclass_fields__}
        rows[name] = ours(family(**known))
    return rows


def measured(name: str, path: Path, epochs: int, device: str, out) -> None:
    """Seconds and peak memory of one row, in this process."""
    torch.set_num_threads(1)
    maps, y = np.load(path / "maps.npy", mmap_mode="r"), np.load(path / "y.npy")
    run = readers(epochs, device)[name]
    if device != "cpu":
        torch.zeros(1, device=device)
    before = _resident()
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    run(maps, y, epochs, device)
    if device != "cpu":
        torch.cuda.synchronize()
    seconds = clock() - start
    peak = torch.cuda.max_memory_allocated() if device != "cpu" else _peak() - before
    out.put((seconds, peak / 2**30))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write(path: Path, samples: int, channels: int, side: int, units: int) -> None:
    """Noise maps and units that read a place of them."""
    rng = np.random.default_rng(0)
    maps = np.lib.format.open_memmap(path / "maps.npy", "w+", np.float16, (samples, channels, side, side))
    y = np.empty((samples, units), np.float32)
    cell = rng.integers(0, side * side, units)
    weights = rng.standard_normal((units, channels)).astype(np.float32)
    for start in range(0, samples, 100):
        part = rng.standard_normal((min(100, samples - start), channels, side, side), np.float32)
        maps[start : start + 100] = part
        y[start : start + 100] = np.einsum(
            "icv,vc->iv", part.reshape(len(part), channels, -1)[:, :, cell], weights
        )
    np.save(path / "y.npy", y / y.std(0) + rng.standard_normal(y.shape, np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("samples", 2000), ("side", 14), ("channels", 384), ("units", 500), ("epochs", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--budget", type=float, default=2.0, help="GiB")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    spawn = get_context("spawn")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        write(Path(folder), asked.samples, asked.channels, asked.side, asked.units)
        size = f"{asked.samples} x {asked.side}x{asked.side} x {asked.channels} -> {asked.units} units"
        print(f"{size}, {asked.epochs} epochs, {asked.device}")
        print(f"{'':<30}{'seconds':>9}{'M samples x units / s':>24}{'ratio':>8}{'peak GiB':>10}")
        base, over = None, []
        for name in readers(asked.epochs, asked.device):
            out = spawn.Queue()
            child = spawn.Process(target=measured, args=(name, Path(folder), asked.epochs, asked.device, out))
            child.start()
            child.join()
            if child.exitcode:
                sys.exit(f"{name}: failed")
            seconds, peak = out.get()
            rate = asked.samples * asked.units * asked.epochs / seconds
            base = rate if base is None else base
            print(f"{name:<30}{seconds:9.1f}{rate / 1e6:24.3f}{rate / base:8.1f}{peak:10.2f}", flush=True)
            if name != "plain loop" and peak > asked.budget:
                over.append(name)
    print(f"over the budget of {asked.budget:g} GiB: {', '.join(over) or 'none'}")


if __name__ == "__main__":
    main()
