"""What topological RSA finds on real data, and what it buys on simulated data.

    python tests/benchmarks/topology.py table         all bundled vision models on kriegeskorte2008, RSA and each panel
    python tests/benchmarks/topology.py map           the (l, u) map of one model against human IT, by regimes
    python tests/benchmarks/topology.py simulation    regions told apart by RSA and tRSA under noise and under distortion

The table needs GYRAL_MIRROR (or fetched data). Models are ranked by rank intervals of all pairs (max-t), so that models which
cannot be told apart share ranks.
"""

import argparse
from collections.abc import Callable

import numpy as np

from gyral.benchmarks.installed import find_benchmark
from gyral.datasets.catalogue import open_dataset
from gyral.features.extract import extract
from gyral.models.catalogue import open_model
from gyral.models.model import Reduction
from gyral.rsa.geodesic import geodesic_ranks
from gyral.rsa.identification import identify
from gyral.rsa.inference import compare_redraws
from gyral.rsa.topology import PANELS, geo_topological, regime, regime_map
from gyral.rsa.vector import condensed
from gyral.scores.conditional import Redraws
from gyral.scores.rank import rank_intervals
from gyral.similarity import layer_rdms, score_similarity

MODELS = (
    *("efficientnet-lite1", "efficientnet-lite0", "efficientnet-lite1:untrained", "efficientnet-lite0:untrained"),
    *("gabor", "pixels"),
)
METRICS = ("rsa-spearman", *(f"trsa-{p}" for p in PANELS))


def rdms_of(reference: str, dataset) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Layers and RDMs of each draw of a model."""
    found = []
    for model in open_model(reference):
        features = extract(model, dataset.stimuli, model.card.layers or model.layers(), reduction=Reduction(7))
        names, rdms = layer_rdms(features)
        found.append(rdms)
    return names, found


def table() -> None:
    """Scores of the chosen layers with intervals, bounds, and ranks."""
    dataset = open_dataset(find_benchmark("kriegeskorte2008").dataset)
    models = {name: rdms_of(name, dataset) for name in MODELS}
    for metric in METRICS:
        scores = {
            name: score_similarity(layers, rdms, dataset.rdms, dataset.split(), metric=metric, exchangeable=True)
            for name, (layers, rdms) in models.items()
        }
        chosen = {name: [r for r in s.rows if r.layer == "chosen"] for name, s in scores.items()}
        first = chosen[MODELS[0]]
        print(f"\n{metric}")
        bounds = [r for r in first if r.subject == "all"]
        heads = [
            f"{r.region} ({r.ceiling_lower:.2f} to {r.ceiling:.2f})" if r.ceiling is not None else r.region
            for r in bounds
        ]
        print(f"| model | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
        cells: dict[str, list[str]] = {name: [] for name in MODELS}
        for region in dataset.rdms:
            columns = [k for k, r in enumerate(first) if r.region == region]
            subjects = columns[1:] or columns
            redraws = [
                Redraws(
                    values := np.array([chosen[name][k].value for k in subjects]),
                    values + scores[name].redraws[:, subjects].astype(float),
                    len(dataset.stimuli),
                )
                for name in MODELS
            ]
            ranks = rank_intervals(compare_redraws(redraws))
            for n, name in enumerate(MODELS):
                row = chosen[name][columns[0]]
                low, high = ranks[n] or (0, 0)
                rank = f"{low}" if low == high else f"{low}-{high}"
                cells[name].append(f"{row.value:.3f} ({row.low:.2f} to {row.high:.2f}), {rank}")
        for name in MODELS:
            print(f"| {name} | {' | '.join(cells[name])} |", flush=True)


def thresholds() -> None:
    """Mean tRSA of each regime for the best layer of each network against human IT."""
    dataset = open_dataset(find_benchmark("kriegeskorte2008").dataset)
    human = condensed(np.asarray(dataset.rdms["human_IT"].values, float).mean(axis=1))
    for name in MODELS[:2]:
        layers, (rdms,) = rdms_of(name, dataset)
        grid, found = regime_map(human, rdms, 0.05)
        best = int(found[0, -1].argmax())
        print(f"\n{name}, layer {layers[best]}")
        cells: dict[str, list[float]] = {}
        for i, low in enumerate(grid):
            for j, high in enumerate(grid):
                if np.isfinite(found[i, j, best]):
                    cells.setdefault(regime(float(low), float(high)), []).append(float(found[i, j, best]))
        for kind, values in cells.items():
            print(
                f"{kind:<13}{len(values):4d} cells  mean {np.mean(values):.3f}  least {min(values):.3f}  most {max(values):.3f}"
            )


# Simulation: patterns of eight regions in twelve subjects, of 40 stimuli.
REGIONS, SUBJECTS, STIMULI, LATENT, VOXELS = 8, 12, 40, 8, 60
OWN = 0.3  # what is a region's own beside what all share


def simulated(
    rng: np.random.Generator, *, noise: float = 1.0, gain: float = 0.0, bend: float = 0.0, rdm_noise: float = 0.0
) -> np.ndarray:
    """RDMs of regions, subjects x regions x pairs.

    ``noise``: of single voxels. ``gain``: each subject weighs the latent dimensions of each region in a way of its own (log
    standard deviation). ``bend``: each subject's distances of each region are bent by a power of its own, which is monotone.
    ``rdm_noise``: independent noise on distances, in their standard deviations.
    """
    shared = rng.standard_normal((STIMULI, LATENT))
    latent = [shared + OWN * rng.standard_normal((STIMULI, LATENT)) for _ in range(REGIONS)]
    out = []
    for _ in range(SUBJECTS):
        rows = []
        for x in latent:
            weights = np.exp(gain * rng.standard_normal(LATENT))
            patterns = (x * weights / np.sqrt((weights**2).mean())) @ rng.standard_normal(
                (LATENT, VOXELS)
            ) + noise * np.sqrt(LATENT) * rng.standard_normal((STIMULI, VOXELS))
            gram = patterns @ patterns.T
            own = np.diag(gram)
            d = condensed(own[:, None] + own[None] - 2 * gram) / VOXELS
            if bend:
                d = d.mean() * (d / d.mean()) ** np.exp(bend * rng.standard_normal())
            rows.append(np.maximum(d + rdm_noise * d.std() * rng.standard_normal(d.shape), 0.0))
        out.append(rows)
    return np.array(out)


SCENARIOS: dict[str, dict[str, float]] = {
    "voxel noise 1.5": {"noise": 1.5},
    "voxel noise 2.5": {"noise": 2.5},
    "RDM noise 3 sd": {"noise": 0.5, "rdm_noise": 3.0},
    "own gains 1": {"noise": 0.5, "gain": 1.0},
    "own gains 2": {"noise": 0.5, "gain": 2.0},
    "bent, noise 1.5": {"noise": 1.5, "bend": 1.0},
}


def simulation(worlds: int) -> None:
    """Accuracy of naming regions, leave one subject out (chance 1 / 8), mean over worlds with standard error."""
    transforms: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "RDM": lambda d: d,
        "rank RDM (0, 1)": lambda d: geo_topological(d, 0, 1),
        **{f"GT {p}": lambda d, c=c: c.transformed(d) for p, c in list(PANELS.items())[1:]},
        "geodesic 20-80": lambda d: geodesic_ranks(d),
    }
    print(f"| accuracy | {' | '.join(SCENARIOS)} |\n|---|{'---|' * len(SCENARIOS)}")
    found = {name: [] for name in transforms}
    for given in SCENARIOS.values():
        rng = np.random.default_rng(0)
        hits: dict[str, list[float]] = {name: [] for name in transforms}
        for _ in range(worlds):
            rdms = simulated(rng, **given)
            for name, transform in transforms.items():
                flat = transform(rdms.reshape(-1, rdms.shape[2]))
                hits[name].append(identify(flat.reshape(rdms.shape)).accuracy)
        for name, values in hits.items():
            found[name].append(f"{np.mean(values):.2f} ± {np.std(values) / np.sqrt(worlds):.2f}")
    for name, cells in found.items():
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("section", choices=["table", "map", "simulation"])
    parser.add_argument("--worlds", type=int, default=20)
    asked = parser.parse_args()
    if asked.section == "simulation":
        simulation(asked.worlds)
    else:
        {"table": table, "map": thresholds}[asked.section]()


if __name__ == "__main__":
    main()
