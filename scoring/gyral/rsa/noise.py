"""Noise: covariance between units of what does not repeat, shrunk until it can be inverted."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Target = Literal["diagonal", "identity"]


def residuals(repeats: Array) -> tuple[Floats, int]:
    """Deviation of each presentation from its stimulus' mean: presentations x units, and degrees of freedom.

    Parameters
    ----------
    repeats : array, samples x repeats x units
        NaN where a presentation is missing; it is left out whole.

    Raises
    ------
    BadArrays
        No stimulus was presented twice (``one-repeat``).
    """
    values = np.asarray(repeats, np.float64)
    there = np.asarray(np.isfinite(values).all(axis=2))
    counts = there.sum(axis=1)
    df = int((counts[counts > 0] - 1).sum())
    if df < 1:
        raise BadArrays(
            "no stimulus was presented twice: there is no noise to estimate.", where="repeats", code="one-repeat"
        )
    filled = np.where(there[:, :, None], values, 0.0)
    means = filled.sum(axis=1) / np.maximum(counts, 1)[:, None]
    return np.asarray((values - means[:, None])[there]), df


def shrunk_covariance(deviations: Array, df: int | None = None, *, target: Target = "diagonal") -> Floats:
    """Covariance of rows that have zero mean, shrunk towards its diagonal or a multiple of the identity.

    ``diagonal``: every correlation times 1 - l, l from the variance of the correlations (Schaefer and Strimmer 2005,
    doi 10.2202/1544-6115.1175). ``identity``: Ledoit and Wolf (2004), doi 10.1016/S0047-259X(03)00096-4.

    Parameters
    ----------
    deviations : array, rows x units
        `residuals`, or residuals of a GLM.
    df : int, optional
        Degrees of freedom of the rows; default one less than there are.
    target : {"diagonal", "identity"}

    Returns
    -------
    float64 array, units x units

    Raises
    ------
    BadArrays
        A unit does not vary (``constant-unit``).
    """
    x = np.asarray(deviations, np.float64)
    rows = len(x)
    free = rows - 1 if df is None else df
    total, squares = x.T @ x, (x * x).T @ (x * x)
    variance = np.diag(total) / free
    if not (variance > 0).all():
        unit = int(np.argmin(variance))
        raise BadArrays(
            f"unit {unit} does not vary.", where="deviations", mend="Leave it out.", code="constant-unit"
        )
    if target == "identity":
        return _towards_identity(total / rows, squares / rows, rows) * (rows / free)
    scale = np.sqrt(np.outer(variance, variance))
    mean, square = total / scale / (rows - 1), squares / scale**2 / (rows - 1)
    between = ~np.eye(len(variance), dtype=bool)
    uncertain = rows / free**2 * (square - mean**2)[between].sum()
    size = (mean[between] ** 2).sum()
    shrinkage = min(max(uncertain / size, 0.0), 1.0) if size > 0 else 1.0
    return np.asarray(total / free * np.where(between, 1 - shrinkage, 1.0))


def _towards_identity(covariance: Floats, squares: Floats, rows: int) -> Floats:
    eye = np.eye(len(covariance))
    level = np.trace(covariance) / len(covariance)
    distance = ((covariance - level * eye) ** 2).sum()
    error = min((squares - covariance**2).sum() / rows, distance)
    share = error / distance if distance > 0 else 1.0
    return np.asarray(share * level * eye + (1 - share) * covariance)


def whitener(covariance: Array) -> Floats:
    """W with ``W W' = inverse of covariance``: responses times W have noise of unit variance, unrelated between columns.

    Raises
    ------
    BadArrays
        Not positive definite (``singular-covariance``).
    """
    from scipy.linalg import solve_triangular  # slow import, and `gyral list` never comes here

    try:
        root = np.linalg.cholesky(np.asarray(covariance, np.float64))
    except np.linalg.LinAlgError:
        raise BadArrays(
            "the covariance cannot be inverted.", where="covariance", mend="Shrink it.", code="singular-covariance"
        ) from None
    return np.asarray(solve_triangular(root, np.eye(len(root)), lower=True).T)
