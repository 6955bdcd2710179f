"""What is left of RDMs beside nuisances: planted truths, subjects, and the way through `gyral score`."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gyral.cli.score import score
from gyral.cli.show import show
from gyral.controls.bands import PREFIX, Nuisances
from gyral.controls.rdms import partial_beside
from gyral.datasets.responses import RegionRdms
from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.left import LEAST_PARTIAL
from gyral.rdm_problem import Pairs
from gyral.result import load_record
from gyral.rsa.comparator import PEARSON
from gyral.rsa.rank import SPEARMAN
from gyral.rsa.rdm import correlation_rdm, rdm
from gyral.rsa.vector import squared

SAMPLES = 40


def left(source: np.ndarray, model: np.ndarray, bands: dict[str, np.ndarray], subjects: int = 7):
    rng = np.random.default_rng(3)
    truth = rdm(source)
    noisy = [squared(truth + 0.3 * truth.std() * rng.standard_normal(truth.shape))[None] for _ in range(subjects)]
    region = RegionRdms("IT", "fMRI", np.array(noisy), tuple(f"s{k}" for k in range(subjects)))
    spaces = tuple(Features(PREFIX + k, v.astype(np.float32)) for k, v in bands.items())
    masks = Pairs.of(contiguous(SAMPLES, 5), SAMPLES).held_out
    return partial_beside(
        np.stack([correlation_rdm(model)]), {"IT": [0] * 5}, {"IT": region},
        Nuisances(spaces, dict.fromkeys(bands, "")), masks, SPEARMAN,
    )["IT"].fields  # fmt: skip


def test_a_model_that_is_a_band_has_nothing_left_and_another_has() -> None:
    rng = np.random.default_rng(0)
    edges, own = rng.standard_normal((2, SAMPLES, 15))
    bands = {"edges": edges, "length": rng.standard_normal((SAMPLES, 1))}
    found = left(np.hstack([edges, own]), edges, bands)
    assert found["all"]["partial"] == pytest.approx(0, abs=1e-3)
    assert found["all"]["partial_low"] <= 0
    found = left(np.hstack([edges, own]), np.hstack([edges, own]), bands)
    assert found["all"]["partial_low"] > 0.2
    assert list(found) == ["all", *(f"s{k}" for k in range(7))]
    alone = [found[f"s{k}"]["partial"] for k in range(7)]
    assert found["all"]["partial"] == pytest.approx(np.mean(alone))


@pytest.mark.parametrize("seed", range(3))
def test_a_band_and_columns_that_no_unit_reads_leave_next_to_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = 92
    band, unread = rng.standard_normal((2, samples, 8))
    mixed = [
        band @ rng.standard_normal((8, 40)) + 2 * rng.standard_normal((samples, 40)) for _ in range(6)
    ]  # fmt: skip
    measured = np.stack([squared(rdm(x))[None] for x in mixed])
    region = RegionRdms("IT", "fMRI", measured, tuple(f"s{k}" for k in range(6)))
    model = np.stack([correlation_rdm(np.hstack([band, unread]))])
    nuisances = Nuisances((Features(PREFIX + "edges", band.astype(np.float32)),), {"edges": ""})
    every = [np.ones(model.shape[1], bool)]
    found = partial_beside(model, {"IT": [0]}, {"IT": region}, nuisances, every, PEARSON)["IT"].fields
    whole = PEARSON.similarity(np.stack([rdm(x) for x in mixed]), model).mean()
    assert whole > 0.45 and abs(found["all"]["partial"]) < 0.03


def test_a_band_of_one_column_is_held_constant_by_its_distance() -> None:
    rng = np.random.default_rng(1)
    length = rng.standard_normal((SAMPLES, 1))
    seen = np.hstack([np.ones((SAMPLES, 1)), length, length**2, -length])
    found = left(length, seen, {"length": length})
    assert found["all"]["partial"] < 0.3 * SPEARMAN.similarity(
        rdm(length, "euclidean")[None], correlation_rdm(seen)[None]
    )


def test_a_record_of_rdms_says_what_nuisances_leave(tmp_path: Path) -> None:
    out = tmp_path / "r"
    ran = CliRunner().invoke(
        score, ["pixels", "-b", "kriegeskorte2008", "--metric", "rsa-pearson", "--out", str(out)],
        catch_exceptions=False,
    )  # fmt: skip
    record = load_record(out)
    assert "luminance" in record.controls.nuisances
    rows = [row for row in record.rows if row.layer == "chosen"]
    assert all(row.partial_low <= row.partial <= row.partial_high for row in rows)
    assert {row.partial for row in record.rows if row.layer != "chosen"} == {None}
    shown = CliRunner().invoke(show, [str(out)], catch_exceptions=False).output
    for text in (ran.output, shown):
        assert "left: similarity with RDMs of luminance" in text
    assert record.main("human_IT").nothing_left == (
        record.main("human_IT").partial_low <= 0 or record.main("human_IT").partial < LEAST_PARTIAL
    )
    bare = CliRunner().invoke(
        score, ["pixels", "-b", "kriegeskorte2008", "--no-controls", "--out", str(tmp_path / "n")],
        catch_exceptions=False,
    )  # fmt: skip
    assert "controls were turned off" in bare.output
