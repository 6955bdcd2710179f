"""Banded ridge against himalaya's group ridge and multiple-kernel ridge on the same candidates.

    python tests/benchmarks/banded.py                 the table of docs/speed.md
    python tests/benchmarks/banded.py --samples 300 --units 400 --widths 100,100 --device cuda

CPU seconds of one BLAS thread in one run, float32, fit and prediction of held-out samples; peak memory of each
solver's process. himalaya gets our weightings, penalties, folds and standardised features, so that only the
solvers differ. It runs on its numpy and its torch back end; the faster one is the reference.
"""

import argparse
from typing import Any, NamedTuple

import numpy as np
from measured import measured

from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.readouts._banded_search import weightings
from gyral.readouts.banded import PENALTIES, Banded

HELD_OUT = 250
RANDOM = 20


class Inputs(NamedTuple):
    spaces: list[np.ndarray]
    responses: np.ndarray
    samples: int


def planted(samples: int, units: int, widths: tuple[int, ...], seed: int = 0) -> Inputs:
    """Spaces with a decaying spectrum; units mix them by Dirichlet draws at a signal share of 0 to .6."""
    rng = np.random.default_rng(seed)
    total = samples + HELD_OUT
    spaces, signal = [], np.zeros((total, units))
    mix = rng.dirichlet([0.5] * len(widths), units).T
    for width, part in zip(widths, mix, strict=True):
        basis, _ = np.linalg.qr(rng.standard_normal((width, width)))
        x = (rng.standard_normal((total, width)) * np.arange(1, width + 1) ** -0.3) @ basis
        y = x @ rng.standard_normal((width, units))
        signal += np.sqrt(part) * y / y.std(axis=0)
        spaces.append(x.astype(np.float32))
    share = rng.uniform(0, 0.6, units)
    y = np.sqrt(share) * signal / signal.std(axis=0) + np.sqrt(1 - share) * rng.standard_normal((total, units))
    return Inputs(spaces, y.astype(np.float32), samples)


class Ours:
    """Our readout."""

    def __init__(self, search: str, device: str) -> None:
        self.search, self.device = search, device

    def __call__(self, inputs: Inputs) -> tuple[Any, ...]:
        spaces = [Features(f"space{k}", x) for k, x in enumerate(inputs.spaces)]
        rows, held = _rows(inputs)
        readout = Banded(weightings=RANDOM, search=self.search, device=self.device)
        fitted = readout.fit_spaces(spaces, inputs.responses, rows, contiguous(inputs.samples, 5).folds)
        return fitted.predict(spaces, held), fitted.penalties, fitted.weights.T


class Himalaya:
    """himalaya's solver; the class is named by ``kind``."""

    def __init__(self, kind: str, backend: str) -> None:
        self.kind, self.backend = kind, backend

    def __call__(self, inputs: Inputs) -> tuple[Any, ...]:
        from himalaya.backend import set_backend
        from himalaya.kernel_ridge import MultipleKernelRidgeCV
        from himalaya.ridge import GroupRidgeCV
        from sklearn.model_selection import KFold

        backend = set_backend(self.backend)
        rows, held = _rows(inputs)
        spaces = [(x - x[rows].mean(axis=0)) / x[rows].std(axis=0) for x in inputs.spaces]
        # Group ridge divides by the roots of the weights: a space without weight has next to none instead.
        sets = weightings(range(len(spaces)), len(spaces), RANDOM, 0).clip(1e-9)
        params = {
            "n_iter": backend.asarray(sets.astype(np.float32)),
            "alphas": backend.asarray(np.asarray(PENALTIES, np.float32)),
            "progress_bar": False,
        }
        common = {"solver_params": params, "cv": KFold(5), "fit_intercept": True}
        train, test = [x[rows] for x in spaces], [x[held] for x in spaces]
        y = backend.asarray(inputs.responses[rows])
        if self.kind == "GroupRidgeCV":
            solver: Any = GroupRidgeCV(groups="input", **common)
            params["warn"] = False
        else:
            solver = MultipleKernelRidgeCV(kernels="precomputed", **common)
            test = np.stack([a @ b.T for a, b in zip(test, train, strict=True)])
            train = np.stack([a @ a.T for a in train])
        solver.fit([backend.asarray(x) for x in train] if isinstance(train, list) else backend.asarray(train), y)
        predicted = solver.predict(
            [backend.asarray(x) for x in test] if isinstance(test, list) else backend.asarray(test)
        )
        # deltas are log(weight / penalty); weights sum to 1.
        ratio = np.exp(backend.to_numpy(solver.deltas_))
        return backend.to_numpy(predicted), 1 / ratio.sum(axis=0), ratio / ratio.sum(axis=0)


def _rows(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(inputs.samples), np.arange(inputs.samples, inputs.samples + HELD_OUT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--units", type=int, default=5000)
    parser.add_argument("--widths", default="512,512")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--backends", default="numpy,torch", help="himalaya's back ends, comma-separated; - for none"
    )
    options = parser.parse_args()
    widths = tuple(int(w) for w in options.widths.split(","))
    arguments = (options.samples, options.units, widths)
    calls: dict[str, Any] = {
        "gyral banded, pruned": Ours("pruned", options.device),
        "gyral banded, exhaustive": Ours("exhaustive", options.device),
    }
    for backend in options.backends.split(",") if options.backends != "-" else ():
        for kind in ("GroupRidgeCV", "MultipleKernelRidgeCV"):
            calls[f"himalaya {kind}, {backend}"] = Himalaya(kind, backend)
    _table(calls, arguments)


def _table(calls: dict[str, Any], arguments: tuple[Any, ...]) -> None:
    inputs = planted(*arguments)
    y = inputs.responses[inputs.samples :]
    print(
        f"{inputs.samples} samples, {' + '.join(str(x.shape[1]) for x in inputs.spaces)} features, {y.shape[1]} units"
    )
    print("| solver | CPU s | over ours | peak GiB | mean held-out r | same choice | prediction differs |")
    print("|---|---|---|---|---|---|---|")
    first = None
    for name, call in calls.items():
        (predicted, penalties, weights), seconds, peak = found = measured(planted, call, *arguments)
        first = first or found
        base, base_penalties, base_weights = first.result
        same = np.isclose(penalties, base_penalties, rtol=1e-3) & np.isclose(weights, base_weights, atol=1e-4).all(
            0
        )
        apart = np.linalg.norm(predicted[:, same] - base[:, same]) / np.linalg.norm(base[:, same])
        print(
            f"| {name} | {seconds:.1f} | {seconds / first.seconds:.1f} | {peak:.2f} | {_r(y, predicted):.5f} "
            f"| {same.mean():.2%} | {apart:.1e} |",
            flush=True,
        )
    print("same choice: units with our weights and penalty; predictions are compared there")


def _r(measured_: np.ndarray, predicted: np.ndarray) -> float:
    a, b = (x - x.mean(axis=0) for x in (measured_.astype(float), predicted.astype(float)))
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return float(((a * b).sum(axis=0) / np.where(size > 0, size, 1)).mean())


if __name__ == "__main__":
    main()
