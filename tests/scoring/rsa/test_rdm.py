"""RDMs against scipy and rsatoolbox, and what is refused."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from gyral.errors import BadArrays, UnknownName
from gyral.rsa.noise import residuals, shrunk_covariance, whitener
from gyral.rsa.rdm import correlation_rdm, rdm, subject_rdms

SAMPLES, REPEATS, UNITS = 14, 4, 20


@pytest.fixture
def repeats() -> np.ndarray:
    """Samples x repeats x units, with noise that units share."""
    rng = np.random.default_rng(0)
    mix = np.eye(UNITS) + 0.3 * rng.standard_normal((UNITS, UNITS))
    return rng.standard_normal((SAMPLES, 1, UNITS)) + rng.standard_normal((SAMPLES, REPEATS, UNITS)) @ mix


@pytest.fixture
def theirs(repeats):
    """The same as a dataset of rsatoolbox."""
    from rsatoolbox.data import Dataset

    rows = np.repeat(np.arange(SAMPLES), REPEATS)
    runs = np.tile(np.arange(REPEATS), SAMPLES)
    return Dataset(repeats.reshape(-1, UNITS), obs_descriptors={"stimulus": rows, "run": runs})


@pytest.mark.parametrize("target", ["diagonal", "identity"])
def test_shrunk_covariance_equals_rsatoolbox(repeats, theirs, target) -> None:
    from rsatoolbox.data.noise import cov_from_unbalanced

    method = {"diagonal": "shrinkage_diag", "identity": "shrinkage_eye"}[target]
    expected = cov_from_unbalanced(theirs, "stimulus", method=method)
    np.testing.assert_allclose(shrunk_covariance(*residuals(repeats), target=target), expected, atol=1e-12)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("kind", ["correlation", "squared-euclidean", "mahalanobis", "crossnobis"])
def test_rdm_equals_rsatoolbox(repeats, theirs, kind) -> None:
    from rsatoolbox.data.noise import prec_from_unbalanced
    from rsatoolbox.rdm import calc_rdm

    more = {}
    if kind in ("mahalanobis", "crossnobis"):
        more["noise"] = prec_from_unbalanced(theirs, "stimulus")
    if kind == "crossnobis":
        more["cv_descriptor"] = "run"
    method = "euclidean" if kind == "squared-euclidean" else kind
    expected = calc_rdm(theirs, method, descriptor="stimulus", **more).get_vectors()[0]
    np.testing.assert_allclose(rdm(repeats, kind), expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["correlation", "cosine", "euclidean"])
def test_rdm_equals_scipy(repeats, kind) -> None:
    x = repeats.mean(axis=1)
    scale = np.sqrt(UNITS) if kind == "euclidean" else 1.0
    np.testing.assert_allclose(rdm(x, kind), pdist(x, kind) / scale, atol=1e-12)


def test_correlation_of_a_constant_row_is_one() -> None:
    x = np.random.default_rng(0).standard_normal((4, 30))
    x[2] = 5.0
    found = correlation_rdm(x)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[[1, 3, 5]], 1.0)


def test_crossnobis_of_pure_noise_is_zero_on_average_and_mahalanobis_is_not() -> None:
    noise = np.random.default_rng(1).standard_normal((60, 3, 30))
    crossed, plain = rdm(noise, "crossnobis"), rdm(noise, "mahalanobis")
    assert abs(crossed.mean()) < 3 * crossed.std() / np.sqrt(60)
    assert plain.mean() > 0.5


def test_crossnobis_with_missing_presentations_uses_those_that_are_there(repeats) -> None:
    missing = repeats.copy()
    missing[3, 1] = np.nan
    found, whole = (
        rdm(missing, "crossnobis", covariance=np.eye(UNITS)),
        rdm(repeats, "crossnobis", covariance=np.eye(UNITS)),
    )
    touched = np.zeros((SAMPLES, SAMPLES), bool)
    touched[3] = touched[:, 3] = True
    apart = touched[np.triu_indices(SAMPLES, 1)]
    np.testing.assert_allclose(found[~apart], whole[~apart], atol=1e-12)
    present = repeats[3, [0, 2, 3]]
    own = [present[r] @ present[q] for r in range(3) for q in range(3) if r != q]
    other = [repeats[0, r] @ repeats[0, q] for r in range(4) for q in range(4) if r != q]
    both = [repeats[0, r] @ repeats[3, q] for r in range(4) for q in (0, 2, 3) if r != q]
    expected = (np.mean(own) + np.mean(other) - 2 * np.mean(both)) / UNITS
    assert found[2] == pytest.approx(expected)


def test_whitened_noise_has_unit_covariance(repeats) -> None:
    covariance = shrunk_covariance(*residuals(repeats))
    w = whitener(covariance)
    np.testing.assert_allclose(w.T @ covariance @ w, np.eye(UNITS), atol=1e-10)


def test_one_repeat_cannot_be_cross_validated(repeats) -> None:
    for one in (repeats[:, 0], repeats[:, :1]):
        with pytest.raises(BadArrays, match="every stimulus has one repeat") as caught:
            rdm(one, "crossnobis")
        assert caught.value.code == "one-repeat"
    some = repeats.copy()
    some[5, 1:] = np.nan
    with pytest.raises(BadArrays, match="sample 5 has 1 repeats"):
        rdm(some, "crossnobis")
    with pytest.raises(BadArrays, match="no repeats to estimate the noise"):
        rdm(repeats[:, 0], "mahalanobis")
    with pytest.raises(BadArrays, match="no stimulus was presented twice"):
        residuals(repeats[:, :1])


def test_bad_responses_are_named(repeats) -> None:
    x = repeats.mean(axis=1)
    x[4, 2] = np.inf
    with pytest.raises(BadArrays, match="sample 4 has NaN or infinite"):
        rdm(x)
    with pytest.raises(UnknownName, match="corelation"):
        rdm(x, "corelation")
    with pytest.raises(BadArrays, match=r"shape \(3, 3\) does not fit 20 units"):
        rdm(repeats, "mahalanobis", covariance=np.eye(3))
    with pytest.raises(BadArrays, match="cannot be inverted"):
        rdm(repeats, "mahalanobis", covariance=np.zeros((UNITS, UNITS)))
    flat = repeats.copy()
    flat[:, :, 7] = 1.0
    with pytest.raises(BadArrays, match="unit 7 does not vary"):
        rdm(flat, "mahalanobis")


def test_subjects_are_put_into_one_order() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((4, 6))
    order, found = subject_rdms({"a": x, "b": x[[2, 0, 3, 1]]}, {"a": list("pqrs"), "b": list("rpsq")})
    assert order == tuple("pqrs")
    np.testing.assert_allclose(found[0], found[1])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("pqr", "3 names for 4 rows"),
        ("pqqr", "'q' stands there twice"),
        ("pqrx", "'s' is missing, which subject 'a' has"),
    ],
)
def test_conditions_that_differ_are_told(names: str, words: str) -> None:
    x = np.random.default_rng(2).standard_normal((4, 6))
    with pytest.raises(BadArrays, match=f"conditions of subject 'b': {words}") as caught:
        subject_rdms({"a": x, "b": x}, {"a": list("pqrs"), "b": list(names)})
    assert caught.value.code == "conditions"
    with pytest.raises(BadArrays, match="'t' is not among those of subject 'a'"):
        subject_rdms({"a": x, "b": np.zeros((5, 6))}, {"a": list("pqrs"), "b": list("pqrst")})
