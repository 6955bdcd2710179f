"""Number: how the commands write one."""

import math


def number(value: float | None, digits: int = 3) -> str:
    """A score with a fixed number of digits; a dash where there is none, and no minus before zero.

    >>> number(0.30149), number(-0.0204), number(-0.0001), number(None), number(float("nan"))
    ('0.301', '-0.020', '0.000', '-', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text
