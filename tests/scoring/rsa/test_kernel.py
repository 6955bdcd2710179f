"""Debiased CKA: zero for unrelated representations of any width, one for copies, and what plain CKA says instead."""

from itertools import permutations

import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.rsa.kernel import alignment, hsic, kernel_cka, linear_cka, linear_kernel, rbf_kernel


def plain_cka(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


@pytest.mark.parametrize("width", [10, 100, 1000, 5000])
def test_unrelated_representations_are_at_zero(width: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 100, width))
    assert abs(linear_cka(x, y)) < 0.05
    assert plain_cka(x, y) > {10: 0.05, 100: 0.4, 1000: 0.85, 5000: 0.95}[width]


def test_rotation_and_scale_change_nothing() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, 20))
    rotation = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    assert linear_cka(x, 7 * x @ rotation) == pytest.approx(1.0)
    assert kernel_cka(rbf_kernel(x), rbf_kernel(3 * x @ rotation)) == pytest.approx(1.0)


def test_hsic_is_the_sum_over_distinct_quadruples() -> None:
    rng = np.random.default_rng(2)
    k, m = (linear_kernel(rng.standard_normal((6, 3))) for _ in range(2))
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(6), 4)]
    assert hsic(k, m) == pytest.approx(np.mean(terms))


def test_rbf_sees_what_linear_cannot() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((200, 1))
    y = x**2
    assert abs(linear_cka(x, y)) < 0.1
    assert kernel_cka(rbf_kernel(x, 0.5), rbf_kernel(y, 0.5)) > 0.2


def test_alignment_to_labels() -> None:
    labels = np.repeat([0.0, 1.0], 20)
    x = np.random.default_rng(4).standard_normal((40, 5))
    assert alignment(linear_kernel(labels[:, None]), labels) == pytest.approx(1.0)
    assert alignment(linear_kernel(x + 5 * labels[:, None]), labels) > alignment(linear_kernel(x), labels) + 0.5
    assert np.isnan(alignment(linear_kernel(np.ones((40, 2))), labels))


def test_bad_input_is_told() -> None:
    x = np.random.default_rng(5).standard_normal((10, 4))
    with pytest.raises(BadArrays, match="no two kernels"):
        linear_cka(x, x[:8])
    with pytest.raises(BadArrays, match="no two kernels"):
        linear_cka(x[:3], x[:3])
    with pytest.raises(BadArrays, match="without NaN"):
        linear_cka(x, np.full_like(x, np.nan))
    with pytest.raises(BadArrays, match="there is no width"):
        rbf_kernel(np.ones((5, 2)))
    with pytest.raises(BadArrays, match="5 labels for 10 stimuli"):
        alignment(linear_kernel(x), np.arange(5.0))
