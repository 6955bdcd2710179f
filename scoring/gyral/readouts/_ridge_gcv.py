"""Generalised cross-validation: every penalty from one rotation of the responses."""

from gyral.readouts._ridge_arrays import Arrays, Host, Matrix


def generalised(arrays: Arrays, rotated: Matrix, total: Matrix, values: Host, penalties: Host, rows: int) -> Host:
    """Generalised cross-validation: units x penalties, each over that of the mean alone (1 - R2).

    ``n RSS(a) / (n - 1 - sum_i s_i / (s_i + a))^2``; the mean takes one degree of freedom.

    Parameters
    ----------
    rotated : Matrix, units x k
        ``U' y`` for the left singular vectors ``U`` of the centred design.
    total : Matrix, units
        Squares of centred responses.
    rows : int
        ``n``.

    References
    ----------
    Golub, Heath & Wahba (1979), doi 10.1080/00401706.1979.10489751.
    """
    left = penalties / (values[:, None] + penalties)
    free = rows - 1 - len(values)
    degrees = left.sum(axis=0) + free
    squares = rotated * rotated
    # Outside the span of the features nothing is fitted; with as many directions as rows nothing is outside.
    outside = (total - squares.sum(axis=1)) * (1.0 if free > 0 else 0.0)
    outside = arrays.cast(outside * (outside > 0), "double")
    weights = arrays.put((left / degrees) ** 2)
    over = arrays.put(1 / degrees**2, "double")
    residual = arrays.cast(squares @ weights, "double") + outside[:, None] * over
    null = arrays.cast(total, "double")[:, None] / (rows - 1) ** 2
    return arrays.host(residual / (null + (null == 0)))
