"""A third party's metric of encoding: where it is Pearson r by another name, everything comes out as it does of ours."""

from pathlib import Path

import numpy as np
import pytest

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous, grouped
from gyral.encoding import score_encoding
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.fitting import fit_layers
from gyral.metrics.correlation import pearson_r
from gyral.own_metric import _chance, score_own
from gyral.readouts.ridge import Ridge
from gyral.redrawn_metric import RedrawnMetric
from gyral.retraining import Retrained
from gyral.scores.problem import Problem
from gyral.scores.region import score_blocks
from gyral.scores.surrogate import surrogates
from planted_package import METRIC, plant

FIELDS = ("value", "low", "high", "se", "interval_kind", "interval_groups", "spread", "r2", "layers_chosen")


def planted(*, missing: float = 0.0, samples: int = 120, units: int = 6):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 8)).astype(np.float32)
    layers = {"true": x, "other": rng.standard_normal((samples, 8)).astype(np.float32)}
    y = x @ rng.standard_normal((8, 2 * units)) / np.sqrt(8) + rng.standard_normal((samples, 2 * units))
    y[rng.random(y.shape) < missing] = np.nan
    y[:, 3] = 1.0  # a unit that cannot be scored
    owner = np.repeat(["s0", "s1"], units)
    regions = (Region("whole", np.arange(2 * units)), Region("part", np.array([0, 2, 3, 8, 9])))
    problem = Problem(y.astype(np.float32), contiguous(samples, 5), regions, owner, None, exchangeable=True)
    return [fit_layers({k: Features(k, v) for k, v in layers.items()}, problem, Ridge())], problem


@pytest.mark.parametrize("missing", [0.0, 0.02])
@pytest.mark.parametrize("draws", [1, 2])
def test_pearson_by_another_name_gives_pearson_rows(missing: float, draws: int) -> None:
    fits, problem = planted(missing=missing)
    encoded = score_encoding(fits * draws, problem, readout="ridge")
    found = score_own(encoded, fits * draws, problem, pearson_r, metric="planted")
    assert [(r.region, r.subject, r.layer) for r in found.rows] == [
        (r.region, r.subject, r.layer) for r in encoded.rows
    ]
    for own, ours in zip(found.rows, encoded.rows, strict=True):
        assert own.metric == "planted" and own.ceiling is None
        assert (own.p is None, own.q is None, own.null_kind) == (ours.p is None, ours.q is None, ours.null_kind)
        if ours.p is not None:
            # other draws of the same null
            assert own.p == pytest.approx(ours.p, abs=4 * np.sqrt(ours.p * (1 - ours.p) / 1000) + 1e-3)
        for field in FIELDS:
            # single layers have fewer redraws
            wide = 0.3 if own.layer != "chosen" and field in ("low", "high", "se") else 1e-4
            a, b = getattr(own, field), getattr(ours, field)
            assert a == (pytest.approx(b, abs=wide * (ours.se or 1)) if isinstance(b, float) else b), field
    np.testing.assert_allclose(found.redraws, encoded.redraws, atol=1e-5)
    np.testing.assert_allclose(found.units["score"], encoded.units["r"], atol=1e-6)
    assert np.isnan(found.units["score"]).sum() == 2
    assert "there is no ceiling of planted: those that are known bound Pearson r" in found.warnings
    # a twin's draws have no p, of whatever metric
    assert any(r.p is not None for r in found.rows) == (draws == 1)


def in_time(kind: str, *, signal: float, seed: int = 0):
    """Smooth responses in four runs of 40 samples, or in many short groups; features know a share of them."""
    rng = np.random.default_rng(seed)
    samples = 160
    wide = 1 if kind == "permutation" else 9  # neighbours of exchangeable samples are strangers
    lobe = np.ones(wide) / np.sqrt(wide)
    smooth = np.stack([np.convolve(rng.standard_normal(samples + wide - 1), lobe, "valid") for _ in range(12)], 1)
    x, noise = smooth[:, :6].astype(np.float32), smooth[:, 6:]
    y = (signal * x @ rng.standard_normal((6, 6)) / np.sqrt(6) + noise).astype(np.float32)
    split = {
        "permutation": lambda: contiguous(samples, 4),
        "phase": lambda: contiguous(samples, 4),
        "group": lambda: grouped(np.repeat(np.arange(20), 8), 4),
    }[kind]()
    owner, regions = np.repeat("s0", 6), (Region("whole", np.arange(6)),)
    problem = Problem(y, split, regions, owner, None, exchangeable=kind == "permutation")
    return [fit_layers({"x": Features("x", x)}, problem, Ridge())], problem


@pytest.mark.parametrize("kind", ["permutation", "phase", "group"])
@pytest.mark.parametrize("signal", [0.0, 0.25, 1.5])
def test_p_is_that_of_pearson_where_the_metric_is(kind: str, signal: float) -> None:
    fits, problem = in_time(kind, signal=signal)
    encoded = score_encoding(fits, problem, readout="ridge")
    found = score_own(encoded, fits, problem, pearson_r, metric="planted")
    ours, own = encoded.rows[0], found.rows[0]
    assert own.null_kind == ours.null_kind == kind
    assert own.p == pytest.approx(ours.p, abs=4 * np.sqrt(ours.p * (1 - ours.p) / 1000) + 2e-3)
    if signal > 1:
        assert own.p < 0.02 and own.q == own.p


def lower_where_the_scale_is_wrong(measured, predicted):
    """Out-of-fold share of variance explained: of unrelated predictions it lies below 0."""
    return 1 - ((measured - predicted) ** 2).mean(axis=0) / measured.var(axis=0)


@pytest.mark.parametrize("kind", ["permutation", "phase"])
def test_p_of_noise_is_seldom_small_by_a_metric_whose_chance_is_not_0(kind: str) -> None:
    found = []
    for seed in range(40):
        fits, problem = in_time(kind, signal=0.0, seed=seed)
        blocks, fold_of = score_blocks(problem)
        region = problem.regions[0]
        predicted = fits[0].assembled(problem, region, fits[0].picks(problem, region))
        asked = RedrawnMetric(
            "x", lower_where_the_scale_is_wrong, problem.responses, predicted[None], blocks, fold_of
        )
        (told,) = _chance(asked, problem, region, [np.arange(6)], False, seed, draws=99)
        found.append(told["p"])
    assert np.mean(np.array(found) <= 0.05) <= 0.15
    assert 0.3 < np.mean(found) < 0.8


def test_surrogates_keep_what_makes_neighbours_alike() -> None:
    rng = np.random.default_rng(1)
    y = np.cumsum(rng.standard_normal((64, 3)), axis=0)
    runs = [np.arange(32), np.arange(32, 64)]
    (turned,) = surrogates(y, runs, "phase", draws=1)
    for run in runs:
        a, b = np.fft.rfft(y[run], axis=0), np.fft.rfft(turned[run], axis=0)
        np.testing.assert_allclose(np.abs(a), np.abs(b), atol=1e-9)
        np.testing.assert_allclose(np.corrcoef(y[run].T), np.corrcoef(turned[run].T), atol=1e-9)
        assert abs(np.corrcoef(y[run][:, 0], turned[run][:, 0])[0, 1]) < 0.95
    (moved,) = surrogates(y, runs, "group", groups=np.arange(64) // 4, draws=1)
    assert sorted(map(tuple, moved[:32])) == sorted(map(tuple, y[:32]))
    starts = [int(np.flatnonzero((y == row).all(axis=1))[0]) for row in moved[::4]]
    assert all(start % 4 == 0 for start in starts) and starts != list(range(0, 64, 4))
    assert [m.tolist() for m in surrogates(y, runs, "permutation", draws=2, seed=3)] == [
        m.tolist() for m in surrogates(y, runs, "permutation", draws=2, seed=3)
    ]


def test_procedure_interval_is_that_of_pearson_where_the_metric_is() -> None:
    _, problem = planted()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 8)).astype(np.float32)

    def again(problem: Problem, name: str):
        return fit_layers({"true": Features("true", x)}, problem, Ridge())

    fits = [again(problem, "")]
    ours, own = Retrained(problem), Retrained(problem, "planted", pearson_r)
    for retrained in (ours, own):
        retrained.add(again)
    encoded = score_encoding(fits, problem, readout="ridge", retrained=ours)
    found = score_own(encoded, fits, problem, pearson_r, metric="planted", retrained=own)
    told = [(r.procedure_low, r.procedure_high) for r in encoded.rows]
    assert sum(low is not None for low, _ in told) == 6
    for mine, (low, high) in zip(found.rows, told, strict=True):
        assert mine.procedure_low == (low and pytest.approx(low, abs=1e-4))
        assert mine.procedure_high == (high and pytest.approx(high, abs=1e-4))
        if low is not None:
            assert low < mine.value < high


def test_a_metric_that_fails_or_pools_units_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = plant(tmp_path, monkeypatch, METRIC, metrics_planted="METRIC")
    fits, problem = planted()
    encoded = score_encoding(fits, problem, readout="ridge")

    def fails(measured, predicted):
        raise ZeroDivisionError("of nothing")

    for measure, words in (
        (fails, "it failed: ZeroDivisionError: of nothing."),
        (lambda y, p: pearson_r(y, p).mean(), r"shape \(\) to 11 units; one number a unit"),
    ):
        with pytest.raises(UserError, match=f"metric 'planted' of {package}: .*{words}") as caught:
            score_own(encoded, fits, problem, measure, metric="planted")
        assert caught.value.code == "plugin-failed"
