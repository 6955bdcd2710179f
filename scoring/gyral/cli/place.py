"""Place: files that a command is asked to write."""

import json
from pathlib import Path

from gyral.errors import UserError


def require_place(file: Path, option: str) -> None:
    """Refuse a file that could not be written, before any work is done.

    Raises
    ------
    UserError
        Its folder does not exist, or it is a folder itself (``no-place``).
    """
    if file.is_dir() or not file.absolute().parent.is_dir():
        why = "this is a folder" if file.is_dir() else "there is no such folder"
        raise UserError(
            f"{why}: {file if file.is_dir() else file.parent}.",
            where=option,
            mend="Name a file in a folder that exists.",
            code="no-place",
        )


def require_own(folder: Path, model: str, benchmark: str, option: str) -> None:
    """Refuse a folder that holds the record of something else: a record replaces only its like.

    Parameters
    ----------
    folder : Path
    model : str
        As it was asked for; the path of a model is not compared.
    benchmark : str
        As it was asked for, with or without a version.

    Raises
    ------
    UserError
        ``record-elsewhere``.
    """
    try:
        held = json.loads((folder / "record.json").read_text("utf-8"))
        name, board, version = held["model"]["name"], held["benchmark"]["name"], held["benchmark"]["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    named = not Path(model.partition(":")[0]).exists()
    if benchmark not in (board, f"{board}@{version}") or (named and model != name):
        raise UserError(
            f"{folder} holds the record of {name!r} on {board}@{version}.",
            where=option,
            mend="Name another folder, or remove that one first.",
            code="record-elsewhere",
        )


def write(file: Path, text: str) -> None:
    """Write what a command was asked to keep.

    Raises
    ------
    UserError
        The file may not be written, or the disk is full (``not-written``).
    """
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}.", where=str(file), code="not-written") from None
