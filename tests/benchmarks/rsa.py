"""RSA against rsatoolbox, with equal results.

    python tests/benchmarks/rsa.py                 500 and 1000 stimuli x 10 subjects
    python tests/benchmarks/rsa.py --sizes 200 --draws 10 --repeats 1
    python tests/benchmarks/rsa.py --sizes 1000 --draws 40 --over subjects    only these bootstraps

Both run in one process, one after the other, on the same RDMs and the same draws (its random state is replayed). For
each: processor time (least of a few repeats of ours), ratio, peak memory beyond the inputs of each (tracemalloc, another run), and the
largest difference of the results. Bootstraps: one model, ``--draws`` draws for both. RDM calculation: also the ratio that
nothing but our products would have, in the same run: no form of them in float64 comes closer. Ranks: what a redraw of stimuli costs
beside one of Pearson correlation.
"""

import argparse
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from rsatoolbox.data import Dataset
from rsatoolbox.inference import eval_bootstrap, eval_bootstrap_pattern, eval_bootstrap_rdm
from rsatoolbox.model import ModelFixed
from rsatoolbox.rdm import RDMs, calc_rdm

from gyral.rsa.bootstrap import bootstrap, draw_counts
from gyral.rsa.comparator import COMPARATORS
from gyral.rsa.rdm import rdm
from gyral.rsa.topology import PANELS, regime_map

SUBJECTS, CHANNELS, RUNS = 10, 1000, 4
FACTORS = ("subjects", "stimuli", "both")
METHODS = {"cosine": "cosine", "pearson": "corr", "whitened-cosine": "cosine_cov", "spearman": "rho-a"}
SEED = 5
# So many that sorting once, which any number shares, is a small part.
RANKED_DRAWS = 40


def best(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least processor time, and the result."""
    times = []
    for _ in range(repeats):
        clock = time.process_time()
        found = run()
        times.append(time.process_time() - clock)
    return min(times), found


def peak(run: Callable[[], Any]) -> float:
    """MiB allocated at most."""
    tracemalloc.start()
    run()
    high = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return high / 2**20


def row(
    name: str,
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    repeats: int,
    products: Callable[[], Any] | None = None,
) -> str:
    """A line of the table; ``products``: the matrix products that ours are made of."""
    slow, expected = best(theirs, 1 if products is None else repeats)
    fast, found = best(ours, repeats)
    most = "" if products is None else f"{slow / best(products, repeats)[0]:.1f}"
    gap = np.nanmax(np.abs(np.asarray(found) - np.asarray(expected)))
    return f"| {name} | {slow:.2f} | {fast:.3f} | {slow / fast:.1f} | {most} | {peak(theirs):.0f} | {peak(ours):.0f} | {gap:.0e} |"


def distances(samples: int, repeats: int) -> Iterator[str]:
    """RDM calculation, ten subjects."""
    rng = np.random.default_rng(0)
    patterns = rng.standard_normal((SUBJECTS, samples, CHANNELS))
    sets = [Dataset(p) for p in patterns]
    for kind, method in (("correlation", "correlation"), ("squared-euclidean", "euclidean")):
        yield row(
            f"{kind} RDMs, {samples}",
            lambda kind=kind: np.stack([rdm(p, kind) for p in patterns]),
            lambda method=method: calc_rdm(sets, method).dissimilarities,
            repeats,
            lambda: [p @ p.T for p in patterns],
        )
    units = CHANNELS // 4
    runs = rng.standard_normal((samples, RUNS, units))
    names = {"stimulus": np.repeat(np.arange(samples), RUNS), "run": np.tile(np.arange(RUNS), samples)}
    dataset = Dataset(runs.reshape(-1, units), obs_descriptors=names)
    mix = rng.standard_normal((units, 2 * units))
    covariance = mix @ mix.T / (2 * units)
    precision = np.linalg.inv(covariance)
    yield row(
        f"crossnobis RDM, one subject, {RUNS} runs, {samples}",
        lambda: rdm(runs, "crossnobis", covariance=covariance),
        lambda: calc_rdm(
            dataset, "crossnobis", descriptor="stimulus", cv_descriptor="run", noise=precision
        ).dissimilarities[0],
        repeats,
        lambda: crossed(runs, precision),
    )


def crossed(runs: np.ndarray, weights: np.ndarray) -> None:
    """Whitening, and a symmetric product of all columns in two parts."""
    rows = runs.reshape(-1, runs.shape[2]) @ weights
    for part in (rows[: len(runs)], rows[len(runs) :].reshape(len(runs), -1)):
        part @ part.T


def bootstraps(samples: int, draws: int, repeats: int, wanted: Sequence[str]) -> Iterator[str]:
    """Bootstrap of one model over subjects, stimuli and both, or those of them that are ``wanted``."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((samples, 20))
    mixes = rng.standard_normal((SUBJECTS, 20, 60))
    measured = np.stack([rdm(x @ a + 2 * rng.standard_normal((samples, 60))) for a in mixes])
    model = rdm(x)[None]
    theirs, models = RDMs(measured), [ModelFixed("model", model[0])]
    for name, method in METHODS.items():
        comparator = COMPARATORS.load(name)
        # With the noise ceilings of each draw of subjects where both define them alike (not whitened: its mean is not).
        for over, run in (
            ("subjects", eval_bootstrap_rdm),
            ("stimuli", eval_bootstrap_pattern),
            ("both", eval_bootstrap),
        ):
            if over not in wanted:
                continue
            if over != "subjects" and name.startswith("whitened"):
                continue  # rsatoolbox 0.3.2 fails there from 100 stimuli on: it divides an int8 matrix in place
            state, counts = np.random.RandomState(SEED), {"subjects": [], "stimuli": []}
            for _ in range(draws):
                for factor, number in (("subjects", SUBJECTS), ("stimuli", samples)):
                    if over in (factor, "both"):
                        counts[factor].append(np.bincount(state.randint(0, number, size=number), minlength=number))
            drawn = {factor: np.array(c) for factor, c in counts.items() if c}
            ceilings = over == "subjects" and name in ("cosine", "pearson")

            def ours(comparator=comparator, drawn=drawn, ceilings=ceilings):
                found = bootstrap(measured, model, comparator, **drawn)
                return (
                    np.column_stack([found, comparator.bounds(measured, drawn["subjects"])]) if ceilings else found
                )

            def other(run=run, method=method, ceilings=ceilings):
                np.random.seed(SEED)
                found = run(models, theirs, method=method, N=draws, boot_noise_ceil=ceilings)
                return (
                    np.column_stack([found.evaluations, found.noise_ceiling.T]) if ceilings else found.evaluations
                )

            what = f"{name} over {over}{' with ceilings' if ceilings else ''}, {samples}, {draws} draws"
            yield row(what, ours, other, repeats)


def ranks(samples: int, draws: int, repeats: int) -> Iterator[str]:
    """A redraw of stimuli by ranks beside one by Pearson correlation; Kendall's tau with one subject."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((samples, 20))
    mixes = rng.standard_normal((SUBJECTS, 20, 60))
    measured = np.stack([rdm(x @ a + 2 * rng.standard_normal((samples, 60))) for a in mixes])
    model, counts = rdm(x)[None], draw_counts(samples, draws)
    for name, count in (("pearson", SUBJECTS), ("spearman", SUBJECTS), ("trsa-20-80", SUBJECTS), ("kendall", 1)):
        comparator = COMPARATORS.load(name)
        seconds, _ = best(lambda c=comparator, n=count: c.redrawn(measured[:n], model, counts), repeats)
        yield f"| {name}, {samples}, {draws} draws | {1e3 * seconds / draws / count:.3f} |"


def topology(samples: int, repeats: int) -> Iterator[str]:
    """What the whole map of thresholds costs beside one panel, which has to rank as well."""
    rng = np.random.default_rng(2)
    measured, model = (rng.random((k, samples * (samples - 1) // 2)) for k in (SUBJECTS, 1))
    one, _ = best(lambda: PANELS["20-80"].similarity(measured, model), repeats)
    whole, found = best(lambda: regime_map(measured, model, 0.1), repeats)
    cells = int(np.isfinite(found[1][:, :, 0]).sum())
    yield f"tRSA, {samples} stimuli, {SUBJECTS} subjects: one panel {one:.3f} s, map of {cells} cells {whole:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--over", nargs="+", choices=FACTORS, help="only these bootstraps, and nothing else")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        "| what, stimuli | rsatoolbox s | gyral s | ratio | products alone | its MiB | our MiB | difference |"
        "\n|---|---|---|---|---|---|---|---|"
    )
    for samples in asked.sizes:
        for text in () if asked.over else distances(samples, asked.repeats):
            print(text, flush=True)
        for text in bootstraps(samples, asked.draws, asked.repeats, asked.over or FACTORS):
            print(text, flush=True)
    if asked.over:
        return
    print("\n| comparator, stimuli | ms a redraw and subject |\n|---|---|")
    for samples in asked.sizes:
        for text in ranks(samples, RANKED_DRAWS, asked.repeats):
            print(text, flush=True)
    for samples in asked.sizes:
        for text in topology(samples, asked.repeats):
            print(f"\n{text}", flush=True)


if __name__ == "__main__":
    main()
