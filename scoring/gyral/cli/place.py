"""Place: files that a command is asked to write."""

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
