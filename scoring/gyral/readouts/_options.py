"""Options of a readout, checked when it is made: a wrong one is the asker's mistake and is named."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from gyral.errors import UserError


def require_one_of(readout: Any, option: str, allowed: Sequence[object]) -> None:
    """Refuse a value that an option does not take.

    Raises
    ------
    UserError
        ``bad-readout``.
    """
    value = getattr(readout, option)
    if value not in allowed:
        near = get_close_matches(str(value), [str(a) for a in allowed], n=1)
        raise UserError(
            f"{option} must be one of {', '.join(map(str, allowed))}; it is {value!r}.",
            where=f"readout {readout.name!r}",
            mend=f"Did you mean {near[0]!r}?" if near else None,
            code="bad-readout",
        )


def require_positive(readout: Any, *options: str) -> None:
    """Refuse options that count or measure something and are not above 0.

    Raises
    ------
    UserError
        ``bad-readout``.
    """
    for option in options:
        value = getattr(readout, option)
        if not 0 < value < float("inf"):
            raise UserError(
                f"{option} must be above 0; it is {value!r}.",
                where=f"readout {readout.name!r}",
                code="bad-readout",
            )


def require_share(readout: Any, option: str) -> None:
    """Refuse a share that is not at least 0 and below 1.

    Raises
    ------
    UserError
        ``bad-readout``.
    """
    value = getattr(readout, option)
    if not 0 <= value < 1:
        raise UserError(
            f"{option} must be at least 0 and below 1; it is {value!r}.",
            where=f"readout {readout.name!r}",
            code="bad-readout",
        )
