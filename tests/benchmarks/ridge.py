"""Ridge with a penalty per unit: ours against others, in CPU seconds of one thread.

    python tests/benchmarks/ridge.py --size small                     1000 x 1024 -> 5000 (under a minute)
    python tests/benchmarks/ridge.py --size middle                    4000 x 2048 -> 20000 (about 15 minutes)
    python tests/benchmarks/ridge.py --size large --rivals "himalaya RidgeCV, numpy" "SVD form"
    python tests/benchmarks/ridge.py --size all --json table.json

Eleven penalties, five contiguous inner folds, refit, prediction of a fifth as many held-out rows. Each solver
runs in a process of its own (peak memory is its own), on the same arrays and with the same BLAS settings; ours
standardises and centres within the time, others get standardised features. "bound" is the time of the fewest
multiplications of the plain method (decompositions and products, every penalty predicted) at the float32 matrix product rate
timed in the same process. "extra" is peak memory beside inputs and predictions. Accuracy is against float64 on
200 units: relative distance of predictions and largest difference of r among units with the same penalty,
and the share of equal penalties. `--rivals` takes parts of names; `--device cuda` times wall seconds instead.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from rivals import ON_CUDA, RIVALS

from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.readouts.ridge import PENALTIES, Ridge

SIZES = {"small": (1000, 1024, 5000), "middle": (4000, 2048, 20000), "large": (9000, 1024, 40000)}
OURS = {"ours": "kfold", "ours, kfold-reduced": "kfold-reduced", "ours, gcv": "gcv"}
FOLDS, CHECKED, BATCH = 5, 200, 4096
# What does not fit: leave-one-out holds samples x units x penalties; a kernel of 7200 rows costs 20 x ours.
LEFT_OUT = {"large": ("scikit-learn", "Kernel")}


def make(folder: Path, rows: int, features: int, units: int, seed: int = 0) -> None:
    """Features with a falling spectrum, units from well predicted (R2 .9) to noise, in random order."""
    rng = np.random.default_rng(seed)
    every = rows + rows // 5
    x = (
        rng.standard_normal((every, features), dtype=np.float32)
        * np.arange(1, features + 1, dtype=np.float32) ** -0.5
    )
    x = x @ np.linalg.qr(rng.standard_normal((features, features)))[0].astype(np.float32)
    noise = rng.permutation(np.geomspace(0.3, 30, units)).astype(np.float32)
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.float32, (every, units))
    for start in range(0, units, 4096):
        part = slice(start, start + 4096)
        clean = x @ rng.standard_normal((features, len(noise[part])), dtype=np.float32)
        y[:, part] = clean / clean.std(axis=0) + noise[part] * rng.standard_normal(clean.shape, dtype=np.float32)
    np.save(folder / "x.npy", x)


def multiplications(rows: int, features: int, units: int) -> float:
    """Fewest multiply-adds of K-fold ridge by decomposition, every penalty predicted.

    An eigendecomposition counts 5/3 k^3: tridiagonal form and back, the least of any dense method.
    """
    train, held, penalties = rows - rows // FOLDS, rows // FOLDS, len(PENALTIES)
    rank = min(train, features)
    if train <= features:
        gram, rotate, crossed = rows * rows * features / 2, FOLDS * train * rank * units, held * rank
    else:
        # Features by responses is one product: folds differ by what they leave out.
        gram = rows * features**2 / 2
        rotate, crossed = (rows * features + FOLDS * features * rank) * units, features * rank
    predict = FOLDS * units * min(penalties * held * rank, penalties * rank * rank / 2 + crossed)
    whole = min(rows, features)
    refit = units * whole * (whole if rows > features else rows)
    decompose = 5 / 3 * (FOLDS * rank**3 + whole**3)
    return gram + decompose + rotate + predict + refit + rows // 5 * whole * units


def multiplications_gcv(rows: int, features: int, units: int) -> float:
    """Fewest multiply-adds of ridge by generalised cross-validation."""
    whole = min(rows, features)
    gram, rotate = rows * features * whole / 2, rows * whole * units
    refit = units * whole * whole if rows > features else 0
    return gram + 5 / 3 * whole**3 + rotate + refit + rows // 5 * whole * units


def gemm_rate() -> float:
    """Multiply-adds a second of a 2048 x 2048 x 2048 float32 product, best of five."""
    a = np.random.default_rng(0).standard_normal((2048, 2048), dtype=np.float32)
    seconds = []
    for _ in range(6):
        begun = time.process_time()
        a @ a
        seconds.append(time.process_time() - begun)
    return float(2048**3 / min(seconds[1:]))


def run(name: str, folder: Path, device: str) -> None:
    """One solver in this process; figures as JSON on standard output, arrays beside the data."""
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    rows = len(x) * 5 // 6
    train, new = np.arange(rows), np.arange(rows, len(x))
    folds, grid = contiguous(rows, FOLDS).folds, np.asarray(PENALTIES, np.float32)
    if name not in OURS:
        mean, sd = x[:rows].mean(axis=0), x[:rows].std(axis=0)
        x = (x - mean) / sd
        y[:rows] -= y[:rows].mean(axis=0)
        solver = (RIVALS if device == "cpu" else ON_CUDA)[name]
    rate = gemm_rate()
    inner = np.full(y.shape[1], np.nan)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    clock = time.process_time if device == "cpu" else time.perf_counter
    begun = clock()
    if name in OURS:
        ridge = Ridge(selection=OURS[name], exchangeable=True, device=device)
        fitted = ridge.fit(Features("x", x), y, train, folds)
        predicted, penalties, inner = fitted.predict(Features("x", x), new), fitted.penalties, fitted.inner_r2
    else:
        predicted, penalties = solver(x[:rows], y[:rows], x[rows:], grid, folds, BATCH)
    seconds = clock() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    np.savez(
        folder / f"{name}.npz",
        penalties=penalties,
        inner=inner,
        predicted=predicted[:, _checked(y.shape[1])],
        r=np.concatenate(
            [_r(y[rows:, s : s + 4096], predicted[:, s : s + 4096]) for s in range(0, y.shape[1], 4096)]
        ),
    )
    extra = max(peak - resident - predicted.nbytes, 0)
    print(json.dumps({"seconds": seconds, "extra": extra, "rate": rate}))


def exact(folder: Path) -> dict[str, np.ndarray]:
    """Penalties, predictions and r of the checked units in float64."""
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy", mmap_mode="r")
    rows = len(x) * 5 // 6
    y = np.asarray(y[:, _checked(y.shape[1])], np.float64)
    z = (x - x[:rows].mean(axis=0, dtype=np.float64)) / x[:rows].std(axis=0, dtype=np.float64)
    errors = np.zeros((len(PENALTIES), y.shape[1]))
    for fold in contiguous(rows, FOLDS).folds:
        for k, found in enumerate(_ridge(z[fold.train], y[fold.train], z[fold.test], PENALTIES)):
            errors[k] += ((y[fold.test] - found) ** 2).sum(axis=0)
    penalties = np.asarray(PENALTIES)[errors.argmin(axis=0)]
    (predicted,) = _ridge(z[:rows], y[:rows], z[rows:], [penalties])
    return {"penalties": penalties, "predicted": predicted, "r": _r(y[rows:], predicted)}


def _ridge(x, y, new, penalties):
    mean, offset = x.mean(axis=0), y.mean(axis=0)
    x, y, new = x - mean, y - offset, new - mean
    dual = len(x) <= x.shape[1]
    values, vectors = np.linalg.eigh(x @ x.T if dual else x.T @ x)
    keep = values > values[-1] * 1e-12
    values, vectors = values[keep, None], vectors[:, keep]
    rotated = vectors.T @ (y if dual else x.T @ y)
    ahead = (new @ x.T if dual else new) @ vectors
    return [ahead @ (rotated / (values + a)) + offset for a in penalties]


def _r(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a - a.mean(axis=0, dtype=np.float64), b - b.mean(axis=0, dtype=np.float64)
    size = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    return (a * b).sum(axis=0) / np.where(size > 0, size, np.nan)


def _checked(units: int) -> np.ndarray:
    return np.linspace(0, units - 1, CHECKED).astype(int)


def measure(shape: tuple[int, int, int], names: list[str], device: str) -> dict:
    """All solvers at one shape (rows, features, units)."""
    rows, features, units = shape
    result: dict = {"shape": shape, "multiplications": multiplications(*shape), "runs": {}}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder, rows, features, units)
        truth = exact(folder)
        for name in names:
            command = [sys.executable, __file__, "--run", name, "--folder", place, "--device", device]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                result["runs"][name] = {"failed": (done.stderr.strip().splitlines() or ["killed"])[-1]}
                continue
            figures = json.loads(done.stdout.splitlines()[-1])
            found = dict(np.load(folder / f"{name}.npz"))
            result["runs"][name] = figures | accuracy(found, truth)
            if name in OURS and name != "ours" and "ours" in result["runs"]:
                result["runs"][name] |= compared(found, dict(np.load(folder / "ours.npz")))
            show_line(name, result)
    return result


def accuracy(found: dict, truth: dict) -> dict:
    """Against float64 on the checked units."""
    checked = _checked(len(found["penalties"]))
    same = np.isclose(np.log10(found["penalties"][checked]), np.log10(truth["penalties"]))
    if not same.any():
        return {"distance": None, "r_difference": None, "same": 0.0}
    a, b = found["predicted"][:, same], truth["predicted"][:, same]
    told = same & (truth["r"] > 0.05)
    difference = np.abs(found["r"][checked] - truth["r"])[told]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return {
        "distance": float(np.linalg.norm(a - b) / np.linalg.norm(b)),
        "r_difference": float(difference.max(initial=0.0)),
        "same": float(same.mean()),
    }


def compared(found: dict, ours: dict) -> dict:
    """Choices of another selection beside K-fold's, all units."""
    steps = np.abs(np.log10(found["penalties"]) - np.log10(ours["penalties"])).round()
    told = ours["inner"] > 0.05
    return {
        "equal": float((steps == 0).mean()),
        "within_one": float((steps[told] <= 1).mean()),
        "r_elsewhere": float(np.nanmean(np.abs(found["r"] - ours["r"])[~told])) if (~told).any() else 0.0,
        "r_told": float(np.abs(found["r"] - ours["r"])[told].mean()),
        "mean_r": float(np.nanmean(found["r"])),
        "mean_r_kfold": float(np.nanmean(ours["r"])),
    }


def show_line(name: str, result: dict) -> None:
    """One line of the table."""
    run_of = result["runs"][name]
    ours = result["runs"].get("ours", {}).get("seconds", float("nan"))
    bound = result["multiplications"] / run_of["rate"]
    distance = "-" if run_of["distance"] is None else f"{run_of['distance']:.0e} | {run_of['r_difference']:.0e}"
    print(
        f"| {name} | {run_of['seconds']:.2f} | {run_of['seconds'] / ours:.2f} | {run_of['seconds'] / bound:.2f} "
        f"| {run_of['extra'] / 2**20:.0f} | {distance} | {run_of['same']:.3f} |",
        flush=True,
    )
    if "equal" in run_of:
        print(
            f"    against K-fold: {run_of['equal']:.2%} equal, {run_of['within_one']:.2%} within one step where inner "
            f"r2 > .05; mean |difference of r| {run_of['r_told']:.5f} there, {run_of['r_elsewhere']:.5f} elsewhere; "
            f"mean r {run_of['mean_r']:.5f} / {run_of['mean_r_kfold']:.5f}",
            flush=True,
        )


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=[*SIZES, "all"], default="small")
    parser.add_argument("--units", type=int, help="fewer units than the size has, for a quicker look")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rivals", nargs="*", help="parts of names; none: ours only; left out: all that fit")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run, options.folder, options.device)
        return
    known = RIVALS if options.device == "cpu" else ON_CUDA
    results = []
    for size in SIZES if options.size == "all" else [options.size]:
        wanted = [n for n in known if options.rivals is None or any(part in n for part in options.rivals)]
        if options.rivals is None:
            wanted = [n for n in wanted if not any(part in n for part in LEFT_OUT.get(size, ()))]
        rows, features, units = SIZES[size]
        units = options.units or units
        print(f"\n{rows} x {features} -> {units}\n")
        plain, gcv = multiplications(rows, features, units), multiplications_gcv(rows, features, units)
        print(f"multiply-adds: K-fold {plain / 1e9:.0f} G, GCV {gcv / 1e9:.0f} G, {plain / gcv:.1f}x less\n")
        print("| solver | seconds | over ours | over bound | extra MiB | predictions | r | penalties as float64 |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        results.append(measure((rows, features, units), [*OURS, *wanted], options.device))
        for name, found in results[-1]["runs"].items():
            if "failed" in found:
                print(f"{name}: {found['failed']}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
