"""TOML of an upload, bounded before it is parsed."""

import tomllib
from pathlib import Path
from typing import Any

from gyral.errors import BadUpload

MAX_BYTES = 1 << 20


def read_toml(path: Path, *, code: str) -> dict[str, Any]:
    """The fields of a TOML file.

    Parameters
    ----------
    path : Path
    code : str
        Stable code of the fault.

    Raises
    ------
    BadUpload
        More than 1 MiB, not UTF-8, or not TOML.
    """
    if path.stat().st_size > MAX_BYTES:
        raise BadUpload(f"larger than {MAX_BYTES:,} bytes.", where=path.name, mend="Shorten it.", code=code)
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        why = str(error)
    except RecursionError:
        why = "too many levels"
    raise BadUpload(
        f"not valid TOML: {why}.",
        where=path.name,
        mend="Correct it at that place; `gyral init` writes a good one.",
        code=code,
    )
