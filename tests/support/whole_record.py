"""A record, and a dataset without a board, with everything that their pages can show of a region."""

import numpy as np
import pandas as pd

from gyral.record import CURVE
from gyral_submissions import conf
from gyral_submissions.models import Dataset, Run, Score

# Regions whose names say nothing to a reader.
TITLED = {"aud_RH_raw": "Auditory cortex, right", "lang_LH_netw": "Language network, left"}


def tell_all(run: Run) -> Run:
    """Give a finished run what tells of its benchmark's main region: controls, curves, maps, receptive fields, chance."""
    region = run.benchmark.main_region
    row = {"region": region, "subject": "all", "layer": "chosen"}
    folder = conf.runs() / run.record_path
    fields = {"rf_x": [0.2, 0.4], "rf_y": [0.5, 0.5], "rf_size": [0.1, 0.1]}
    pd.DataFrame({"region": region, "unit": [0, 1], "r": [0.1, 0.2], **fields}).to_parquet(
        folder / "units.parquet"
    )
    np.savez(folder / "maps.npz", m=np.ones((1, 4)))
    np.savez(folder / "curves.npz", c=np.full((len(CURVE), 3), 0.1))
    Score.objects.filter(run=run, region=region).update(controls={"scrambled": {"value": 0.1}})
    run.record |= {
        "rows": [row | {"value": 0.4, "chance": 0.5, "p": 0.01, "q": 0.01, "identification": {}}],
        "temporal": [{"region": region, "value": 0.3, "robust": 0.2, "n_layers": 4, "n_robust": 3}],
        "controls": {"runs": [{"name": "scrambled"}], "nuisances": {"word-count": "1" * 64}},
        "maps": [row | {"name": "m", "grid": [2, 2]}],
        "time": {"times": [0.0, 0.1, 0.2], "window": [0.0, 0.2]},
        "curves": [row | {"name": "c", "first_time": 0.1}],
    }
    run.save()
    return run


def decoded_dataset(name: str) -> Dataset:
    """A dataset whose responses decode three classes in one region, with a curve and a table of pairs."""
    number = {"value": 0.5, "low": 0.4, "high": 0.6, "chance": 0.25, "p": 0.01}
    curve = {"times": [0.0, 0.1], "auc": [0.5, 0.6], "p": [0.5, 0.1]}
    region = next(reversed(TITLED))
    result = {"region": region, "person": "all", "classifier": "lda", "accuracy": number, "curve": curve}
    result |= {
        "pairs": [[None, 0.6, 0.7]] * 3,
        "pairwise": number,
        "pairwise_auc": number,
        "samples": 9,
        "runs": 3,
    }
    return Dataset.objects.create(
        name=name,
        content_hash="1" * 64,
        title="A dataset without a board",
        about={"regions": TITLED, "split": "leave-one-group-out", "n_stimuli": 9},
        decoding={"classes": ["a", "b", "c"], "permutations": 9, "results": [result]},
    )
