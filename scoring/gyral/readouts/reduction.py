"""Reduction: the words ``METHOD:WIDTH`` of `gyral.readouts.reduced`, read before anything slow is imported."""

from typing import Literal, cast

from gyral.errors import UserError

Method = Literal["pca", "srp"]


def parse_reduction(spec: str) -> tuple[Method, int]:
    """Method and width of "pca:256" or "srp:1000".

    Raises
    ------
    UserError
        It is none (``bad-reduction``).

    Examples
    --------
    >>> parse_reduction("pca:256")
    ('pca', 256)
    """
    method, _, width = spec.partition(":")
    if method not in ("pca", "srp") or not width.isdigit() or int(width) < 1:
        raise UserError(
            f"{spec!r} is no reduction.",
            where="reduce",
            mend="Write pca:WIDTH or srp:WIDTH; WIDTH is a whole number from 1.",
            code="bad-reduction",
        )
    return cast("Method", method), int(width)
