"""Region identification: planted regions are told apart, chance is chance, and local thresholds win where they should."""

import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.rsa.identification import identify
from gyral.rsa.rdm import rdm
from gyral.rsa.topology import PANELS


def regions(
    seed: int,
    *,
    subjects: int = 12,
    count: int = 8,
    own: float = 0.3,
    noise: float = 1.5,
    gain: float = 0.0,
    bend: float = 0.0,
) -> np.ndarray:
    """RDMs of regions that share most of their patterns, subjects x regions x pairs.

    ``gain``: each subject weighs the latent dimensions of each region in a way of its own; ``bend``: distances are bent by a
    power of its own, which is monotone.
    """
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((40, 8))
    latent = [shared + own * rng.standard_normal((40, 8)) for _ in range(count)]
    out = np.empty((subjects, count, 40 * 39 // 2))
    for s in range(subjects):
        for r, x in enumerate(latent):
            weights = np.exp(gain * rng.standard_normal(8))
            patterns = (x * weights / np.sqrt((weights**2).mean())) @ rng.standard_normal((8, 60))
            d = rdm(patterns + noise * np.sqrt(8) * rng.standard_normal(patterns.shape), "squared-euclidean")
            out[s, r] = d ** np.exp(bend * rng.standard_normal())
    return out


def accuracies(**given: float) -> dict[str, float]:
    """Mean accuracy over three worlds, of RDMs as they are, of ranks and of each panel."""
    found: dict[str, list[float]] = {}
    for seed in range(3):
        rdms = regions(seed, **given)
        flat = rdms.reshape(-1, rdms.shape[2])
        found.setdefault("raw", []).append(identify(rdms).accuracy)
        for name, panel in PANELS.items():
            found.setdefault(name, []).append(identify(panel.transformed(flat).reshape(rdms.shape)).accuracy)
    return {name: float(np.mean(values)) for name, values in found.items()}


def test_planted_regions_are_named() -> None:
    found = identify(regions(0, own=0.8))
    assert found.accuracy > 0.95
    assert found.chance == pytest.approx(1 / 8)
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1)
    interval = found.interval()
    assert interval.kind == "subjects"
    assert interval.groups == 12


def test_equals_the_plain_definition() -> None:
    rdms = regions(1, subjects=4, count=3, noise=2.5)
    named = identify(rdms).named
    for s in range(4):
        others = rdms[[k for k in range(4) if k != s]].mean(axis=0)
        for r in range(3):
            assert named[s, r] == np.linalg.norm(rdms[s, r] - others, axis=1).argmin()


def test_unrelated_regions_are_at_chance() -> None:
    hits = [identify(np.random.default_rng(s).random((6, 5, 66))).accuracy for s in range(200)]
    assert np.mean(hits) == pytest.approx(0.2, abs=0.02)


def test_few_subjects_have_no_interval() -> None:
    assert np.isnan(identify(regions(2, subjects=4)).interval().low)


def test_under_plain_noise_panels_do_no_better_than_ranks() -> None:
    found = accuracies(noise=1.5)
    assert found["20-80"] == pytest.approx(found["0-100"], abs=0.05)
    assert found["40-60"] < found["0-100"] + 0.03
    assert found["0-30"] < found["0-100"] + 0.03


def test_monotone_distortion_of_distances_costs_ranks_nothing() -> None:
    found = accuracies(noise=1.5, bend=1.0)
    assert found["0-100"] > found["raw"] + 0.3


def test_local_thresholds_win_where_each_subject_weighs_dimensions_in_a_way_of_its_own() -> None:
    found = accuracies(noise=0.5, gain=1.0)
    assert found["0-30"] > found["0-100"] + 0.1
    assert found["0-100"] > found["raw"] + 0.05
    assert found["20-80"] == pytest.approx(found["0-100"], abs=0.05)


def test_bad_rdms_are_refused() -> None:
    with pytest.raises(BadArrays, match="not subjects x regions x pairs"):
        identify(np.ones((3, 10)))
    with pytest.raises(BadArrays, match="NaN"):
        identify(np.full((3, 2, 10), np.nan))
