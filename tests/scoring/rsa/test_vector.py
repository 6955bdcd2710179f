"""RDMs as vectors, and what is refused."""

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from gyral.errors import BadArrays
from gyral.rsa.vector import check_rdm, check_vectors, condensed, samples_of, squared


def test_condensed_and_squared_undo_each_other_as_scipy_does() -> None:
    vectors = np.random.default_rng(0).random((3, 15))
    square = squared(vectors)
    np.testing.assert_array_equal(square[1], squareform(vectors[1]))
    np.testing.assert_array_equal(condensed(square), vectors)


def test_vector_of_no_triangle_is_refused() -> None:
    assert samples_of(4186) == 92
    with pytest.raises(BadArrays, match="7 dissimilarities are no upper triangle") as caught:
        samples_of(7)
    assert caught.value.code == "rdm-shape"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda m: m[:, :-1], "rdm-shape"),
        (lambda m: np.where(np.arange(25).reshape(5, 5) == 3, np.nan, m), "rdm-finite"),
        (lambda m: m + np.triu(np.ones((5, 5)), 1), "rdm-symmetric"),
    ],
)
def test_check_rdm_refuses_what_is_none(spoil, code: str) -> None:
    square = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    check_rdm(square, "V1")
    with pytest.raises(BadArrays, match=r"V1: ") as caught:
        check_rdm(spoil(square), "V1")
    assert caught.value.code == code


def test_nan_in_a_vector_is_told_by_its_rdm() -> None:
    vectors = np.ones((2, 3))
    vectors[1, 2] = np.nan
    with pytest.raises(BadArrays, match="measured: RDM 1 has NaN"):
        check_vectors(vectors, "measured")
