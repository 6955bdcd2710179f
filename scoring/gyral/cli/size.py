"""Size: amounts of memory as a person writes them."""

from gyral.errors import UserError


def size_bytes(text: str) -> int:
    """Bytes of "500M" or "2G", as ``--memory`` takes them.

    >>> size_bytes("2G")
    2147483648

    Raises
    ------
    UserError
        Something else (``bad-size``).
    """
    number, unit = text[:-1], text[-1:].upper()
    if unit not in ("M", "G") or not number.replace(".", "", 1).isdigit() or float(number) <= 0:
        raise UserError(f"{text!r} is no size.", where="--memory", mend="Write 500M or 2G.", code="bad-size")
    return int(float(number) * (1 << 20 if unit == "M" else 1 << 30))
