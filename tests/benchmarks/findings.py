"""Numbers of docs/findings.md that no single `gyral score` prints.

    python tests/benchmarks/findings.py norms          published norms of tuckute2024, contiguous and shuffled folds
    python tests/benchmarks/findings.py over-length    what models add to sentence length on tuckute2024
    python tests/benchmarks/findings.py animacy        the animacy model against human and monkey IT
    python tests/benchmarks/findings.py table          a Markdown table of all records under GYRAL_HOME

Needs the datasets (`GYRAL_MIRROR`) and, for over-length, the weights (`gyral models fetch --all`).
"""

import sys

import numpy as np

from gyral.datasets.catalogue import open_dataset
from gyral.datasets.split import Split, contiguous, shuffled
from gyral.encoding import fit_layers, score_encoding
from gyral.features.extract import extract
from gyral.features.features import Features
from gyral.metrics.correlation import pearson_r, squared_errors
from gyral.models.catalogue import open_model
from gyral.places import home
from gyral.readouts.ridge import Ridge
from gyral.result import load_record
from gyral.rsa.rank import SPEARMAN
from gyral.rsa.vector import condensed
from gyral.scores.problem import Problem, problem_of

NETWORK = "lang_LH_netw"
MODELS = ("glove-50", "paraphrase-minilm", "minilm-l6", "smollm2-135m")


def norms() -> None:
    """Ridge from the 13 published norms to the language network."""
    dataset = open_dataset("tuckute2024")
    columns = [v for k, v in dataset.stimuli.columns.items() if np.issubdtype(np.asarray(v).dtype, np.floating)]
    features = {"norms": Features("norms", np.stack(columns, axis=1).astype(np.float32))}
    base = problem_of(dataset, "published")
    print(f"{len(columns)} norms -> {NETWORK}")
    splits = [("contiguous", contiguous(1000, 5))]
    splits += [(f"shuffled, seed {s}", shuffled(1000, 5, seed=s, audit=True)) for s in range(5)]
    for name, split in splits:
        problem = Problem(base.responses, split, base.regions, base.subject_of, None)
        fits = fit_layers(features, problem, Ridge())
        rows, *_ = score_encoding([fits], problem, readout="ridge")
        row = next(r for r in rows if r.region == NETWORK and r.layer == "chosen")
        print(f"  {name:<20} r = {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]")


def over_length() -> None:
    """R2 of length, of each model, and what the model adds to length (all out of sample)."""
    dataset = open_dataset("tuckute2024")
    problem = problem_of(dataset, "published")
    unit = dataset.region(NETWORK).units[0]
    y = problem.responses[:, [unit]]
    length = _features("word-length", dataset)["length"].flat()
    print(f"{NETWORK}: out-of-sample R2, five contiguous folds; layers and penalties chosen in training rows")
    print(f"{'model':<20}{'length':>9}{'model':>9}{'both':>9}{'added':>9}{'added r':>9}")
    for name in MODELS:
        features = _features(name, dataset)
        alone, both, added_r = _added(features, length, y, problem.split)
        base = alone.pop("length")
        print(f"{name:<20}{base:9.3f}{alone['model']:9.3f}{both:9.3f}{both - base:9.3f}{added_r:9.3f}")


def _features(name: str, dataset) -> dict[str, Features]:
    (model,) = open_model(name)
    return extract(model, dataset.stimuli, model.layers())


def _added(features: dict[str, Features], length: np.ndarray, y: np.ndarray, split: Split):
    total = base = model = joint = 0.0
    r, rows = 0.0, 0
    for fold in split.folds:
        inner = split.inner(fold)
        best = _best(features, y, fold, inner)
        total += squared_errors(y[fold.test], y[fold.train].mean(0)).sum()
        model += squared_errors(y[fold.test], best.predict_test).sum()
        # Length first, by least squares on training rows; the model predicts what it leaves over.
        design = np.column_stack([np.ones(len(length)), length])
        weights, *_ = np.linalg.lstsq(design[fold.train], y[fold.train], rcond=None)
        left = (y - design @ weights).astype(np.float32)
        base += squared_errors(left[fold.test], np.zeros(1)).sum()
        rest = _best(features, left, fold, inner)
        joint += squared_errors(left[fold.test], rest.predict_test).sum()
        r += len(fold.test) * pearson_r(left[fold.test], rest.predict_test)[0]
        rows += len(fold.test)
    alone = {"length": 1 - base / total, "model": 1 - model / total}
    return alone, 1 - joint / total, r / rows


class _Best:
    def __init__(self, predict_test: np.ndarray) -> None:
        self.predict_test = predict_test


def _best(features: dict[str, Features], y: np.ndarray, fold, inner) -> _Best:
    fits = [(Ridge().fit(layer, y, fold.train, inner), layer) for layer in features.values()]
    fitted, layer = max(fits, key=lambda pair: pair[0].inner_r2[0])
    return _Best(fitted.predict(layer, fold.test))


def animacy() -> None:
    """A one-column model (animate or not) against the regions of kriegeskorte2008."""
    dataset = open_dataset("kriegeskorte2008")
    animate = np.asarray(dataset.stimuli.columns["animal"], float)
    rdm = condensed(np.abs(animate[:, None] - animate[None, :]))
    human = dataset.rdms["human_IT"]
    subjects = condensed(human.values.astype(float).mean(axis=1))
    monkey = condensed(dataset.rdms["monkey_IT"].values.astype(float).mean(axis=(0, 1)))
    low, high = SPEARMAN.bounds(subjects)
    print(f"human_IT bounds {low:.3f} .. {high:.3f}")
    print(f"animacy   {SPEARMAN.similarity(subjects, rdm[None]).mean():.3f} (mean over subjects)")
    print(f"monkey IT {SPEARMAN.similarity(subjects, monkey[None]).mean():.3f} (mean over subjects)")


def table() -> None:
    """All records under GYRAL_HOME, main rows."""
    print("| benchmark | region | model | score | 95 % interval | score / ceiling | spread |")
    print("|---|---|---|---|---|---|---|")
    for path in sorted((home() / "records").glob("*/*/record.json")):
        record = load_record(path)
        for row in record.rows:
            if row.layer != "chosen" or row.subject != "all":
                continue
            ceiled = "" if row.ceiled is None else f"{row.ceiled:.3f}"
            spread = "" if row.spread is None else f"{row.spread:.3f}"
            print(
                f"| {record.benchmark.id} | {row.region} | {record.model.name} | {row.value:.3f} "
                f"| {row.low:.3f} .. {row.high:.3f} | {ceiled} | {spread} |"
            )


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else ""
    actions = {"norms": norms, "over-length": over_length, "animacy": animacy, "table": table}
    if chosen not in actions:
        sys.exit(__doc__)
    actions[chosen]()
