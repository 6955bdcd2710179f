"""Comparators, bounds and bootstraps against rsatoolbox, draw by draw."""

import warnings

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from gyral.errors import BadArrays
from gyral.rsa.bootstrap import bootstrap, draw_counts
from gyral.rsa.comparator import COMPARATORS
from gyral.rsa.topology import PANELS
from gyral.rsa.whitened import Whitened

SAMPLES, SUBJECTS, MODELS, DRAWS = 12, 5, 3, 12
PAIRS = SAMPLES * (SAMPLES - 1) // 2
THEIRS = {
    "pearson": "corr",
    "cosine": "cosine",
    "spearman": "rho-a",
    "kendall": "tau-a",
    "whitened-cosine": "cosine_cov",
    "whitened-pearson": "corr_cov",
}


@pytest.fixture
def rdms() -> tuple[np.ndarray, np.ndarray]:
    """RDMs of subjects, with ties, and of models, one with many ties."""
    rng = np.random.default_rng(0)
    measured, models = rng.random((SUBJECTS, PAIRS)) + 0.5, rng.random((MODELS, PAIRS)) + 0.5
    models[1] = np.round(2 * models[1])
    return np.round(measured, 1), models


def their_bootstrap(rdms, method: str, over: str):
    """Evaluations by rsatoolbox, and the counts it drew."""
    from rsatoolbox.inference import eval_bootstrap, eval_bootstrap_pattern, eval_bootstrap_rdm
    from rsatoolbox.model import ModelFixed
    from rsatoolbox.rdm import RDMs

    run = {"stimuli": eval_bootstrap_pattern, "subjects": eval_bootstrap_rdm, "both": eval_bootstrap}[over]
    models = [ModelFixed(str(k), m) for k, m in enumerate(rdms[1])]
    np.random.seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = run(models, RDMs(rdms[0]), method=method, N=DRAWS, boot_noise_ceil=over == "subjects")
    again, counts = np.random.RandomState(3), {"subjects": [], "stimuli": []}
    for _ in range(DRAWS):
        for name, number in (("subjects", SUBJECTS), ("stimuli", SAMPLES)):
            if over in (name, "both"):
                counts[name].append(np.bincount(again.randint(0, number, size=number), minlength=number))
    return found, {name: np.array(c) for name, c in counts.items() if c}


@pytest.mark.parametrize("name", list(THEIRS))
def test_similarity_equals_rsatoolbox(rdms, name) -> None:
    from rsatoolbox.rdm import RDMs, compare

    expected = compare(RDMs(rdms[0]), RDMs(rdms[1]), THEIRS[name])
    np.testing.assert_allclose(COMPARATORS.load(name).similarity(*rdms), expected, atol=1e-12)


@pytest.mark.parametrize("over", ["stimuli", "subjects", "both"])
@pytest.mark.parametrize("name", list(THEIRS))
def test_bootstrap_equals_rsatoolbox_draw_by_draw(rdms, name, over) -> None:
    found, counts = their_bootstrap(rdms, THEIRS[name], over)
    ours = bootstrap(*rdms, COMPARATORS.load(name), **counts)
    np.testing.assert_allclose(ours, found.evaluations, atol=1e-12)


@pytest.mark.parametrize("name", ["pearson", "cosine", "spearman", "kendall"])
def test_bounds_under_redraws_of_subjects_equal_rsatoolbox(rdms, name) -> None:
    found, counts = their_bootstrap(rdms, THEIRS[name], "subjects")
    ours = COMPARATORS.load(name).bounds(rdms[0], counts["subjects"])
    np.testing.assert_allclose(ours.T, found.noise_ceiling, atol=1e-12)


@pytest.mark.parametrize("name", ["whitened-cosine", "whitened-pearson"])
def test_upper_bound_pools_what_is_whitened(rdms, name) -> None:
    """Where rsatoolbox scales RDMs before whitening, the mean is not the one that resembles all most."""
    from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
    from rsatoolbox.rdm import RDMs

    theirs = boot_noise_ceiling(RDMs(rdms[0]), THEIRS[name])[1]
    assert theirs < COMPARATORS.load(name).bounds(rdms[0])[1] < theirs + 0.01


@pytest.mark.parametrize("name", COMPARATORS.names())
def test_bounds_hold_the_score_of_the_true_rdm(name) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((20, 8))
    truth = ((x[:, None] - x[None]) ** 2).sum(axis=2)[np.triu_indices(20, 1)]
    subjects = truth + 3 * rng.standard_normal((8, len(truth)))
    comparator = COMPARATORS.load(name)
    lower, upper = comparator.bounds(subjects)
    slack = 0.01 if name == "trsa-40-60" else 0.0  # a mean of clipped RDMs is finer than any of them
    assert lower - slack < comparator.similarity(subjects, truth[None]).mean() < upper + 1e-9
    assert np.isnan(comparator.bounds(subjects[:1])).all()


@pytest.mark.parametrize("centred", [False, True])
def test_whitening_by_a_covariance_equals_the_definition(rdms, centred) -> None:
    rng = np.random.default_rng(5)
    covariance = np.cov(rng.standard_normal((SAMPLES, 40)))
    first, second = np.triu_indices(SAMPLES, 1)
    contrasts = np.eye(SAMPLES)[first] - np.eye(SAMPLES)[second]
    inverse = np.linalg.inv((contrasts @ covariance @ contrasts.T) ** 2)
    a, b = (x - x.mean(axis=1, keepdims=True) * centred for x in rdms)
    own = [np.sqrt(np.einsum("ip,pq,iq->i", x, inverse, x)) for x in (a, b)]
    expected = a @ inverse @ b.T / own[0][:, None] / own[1]
    np.testing.assert_allclose(Whitened(centred, covariance).similarity(*rdms), expected, atol=1e-8)


def test_rho_a_is_the_mean_over_random_tie_breaking() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 3, 45).astype(float), rng.standard_normal(45)
    broken = [spearmanr(a + 1e-6 * rng.standard_normal(45), b).statistic for _ in range(4000)]
    found = COMPARATORS.load("spearman").similarity(a[None], b[None])[0, 0]
    assert found == pytest.approx(np.mean(broken), abs=0.005)
    assert COMPARATORS.load("spearman").similarity(b[None], -b[None])[0, 0] == pytest.approx(-1)


@pytest.mark.parametrize("panel", list(PANELS))
def test_redraws_of_panels_equal_copies(rdms, panel) -> None:
    """Ranks, quantiles and correlation of the copied pairs themselves."""
    comparator = PANELS[panel]
    counts = draw_counts(SAMPLES, 5, seed=1)
    first, second = np.triu_indices(SAMPLES, 1)

    def transformed(values: np.ndarray) -> np.ndarray:
        x = rankdata(values)
        x = (x - x.min()) / (x.max() - x.min())
        low, high = np.quantile(x, [comparator.low, comparator.high])
        return np.clip((x - low) / (high - low), 0, 1)

    found = comparator.redrawn(*rdms, counts)
    models = [0, 2]  # the other has so many ties that quantiles meet
    for d, m in enumerate(counts):
        copies = np.repeat(np.arange(PAIRS), m[first] * m[second])
        a, b = (np.stack([transformed(x) for x in side[:, copies]]) for side in (rdms[0], rdms[1][models]))
        expected = np.corrcoef(a, b)[: len(a), len(a) :]
        np.testing.assert_allclose(found[d][:, models], expected, atol=1e-12)


@pytest.mark.parametrize("name", ["pearson", "cosine", "spearman", "trsa-20-80"])
def test_mask_leaves_pairs_out(rdms, name) -> None:
    comparator = COMPARATORS.load(name)
    mask = np.random.default_rng(4).random(PAIRS) < 0.5
    ones = np.ones((1, SAMPLES))
    found = comparator.redrawn(*rdms, ones, mask)[0]
    np.testing.assert_allclose(found, comparator.similarity(rdms[0][:, mask], rdms[1][:, mask]), atol=1e-12)


@pytest.mark.parametrize("name", COMPARATORS.names())
def test_draw_of_two_stimuli_has_no_score(rdms, name) -> None:
    counts = np.zeros((2, SAMPLES))
    counts[0, :2] = SAMPLES // 2
    counts[1] = 1
    found = COMPARATORS.load(name).redrawn(*rdms, counts)
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], COMPARATORS.load(name).similarity(*rdms), atol=1e-12)


def test_constant_rdm_resembles_nothing(rdms) -> None:
    flat = np.ones((1, PAIRS))
    for name in ("pearson", "spearman", "kendall", "trsa-20-80"):
        assert COMPARATORS.load(name).similarity(rdms[0], flat).tolist() == [[0.0]] * SUBJECTS


def test_bad_rdms_are_refused(rdms) -> None:
    pearson = COMPARATORS.load("pearson")
    with pytest.raises(BadArrays, match="RDMs of 55 pairs cannot be compared with 66"):
        pearson.similarity(rdms[0], np.ones((1, 55)))
    with pytest.raises(BadArrays, match="predicted: RDM 2 has NaN"):
        pearson.similarity(rdms[0], np.where(np.arange(MODELS)[:, None] == 2, np.nan, rdms[1]))
    with pytest.raises(BadArrays, match=r"shape \(4, 11\) is not draws x 12 stimuli"):
        pearson.redrawn(*rdms, np.ones((4, 11)))
    with pytest.raises(BadArrays, match="need all pairs"):
        COMPARATORS.load("whitened-cosine").redrawn(*rdms, np.ones((1, SAMPLES)), np.ones(PAIRS, bool))
    with pytest.raises(BadArrays, match="nothing is drawn"):
        bootstrap(*rdms, pearson)
    with pytest.raises(BadArrays, match="3 draws of subjects, 4 of stimuli"):
        bootstrap(*rdms, pearson, subjects=draw_counts(SUBJECTS, 3), stimuli=draw_counts(SAMPLES, 4))
