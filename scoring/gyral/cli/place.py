"""Place: files that a command is asked to write."""

import json
from pathlib import Path

import click

from gyral.errors import UserError

# Files of a record's folder (`gyral.result.Result.save`, which loads pandas).
FILES = frozenset(
    ("record.json", "units.parquet", "predictions.npy", "redraws.npy", "blocks.npz", "maps.npz", "curves.npz")
)
_HEAD = 1 << 16  # bytes of a file that are looked at

force_option = click.option("--force", is_flag=True, help="Replace what is there, whatever it is.")


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


def require_page(file: Path, option: str) -> None:
    """Refuse a file whose name does not say that it is a page.

    Raises
    ------
    UserError
        ``page-format``.
    """
    if file.suffix.lower() not in (".html", ".htm"):
        raise UserError(
            f"a page in HTML is written, and {file.name!r} does not end in .html.",
            where=option,
            mend="Name an .html file; a browser opens it, and prints it as PDF.",
            code="page-format",
        )


def require_ours(file: Path, option: str, mark: str, *, force: bool) -> None:
    """Refuse a file that holds something else than what this command wrote there before, before any work is done.

    Parameters
    ----------
    file : Path
    option : str
    mark : str
        Text that every file of the kind has near its beginning.
    force : bool
        Whether any file may be replaced.

    Raises
    ------
    UserError
        As `require_place`; or a file of another kind is there (``not-ours``).
    """
    require_place(file, option)
    if force or not file.exists():
        return
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    if head and mark.encode() not in head:
        raise UserError(
            f"{file} is there, and was not written by this command.",
            where=option,
            mend="Name another file, or give --force to replace it.",
            code="not-ours",
        )


def require_own(folder: Path, model: str, benchmark: str, option: str, *, force: bool = False) -> None:
    """Refuse a folder that holds anything but the record of the same: a record takes the whole place of its folder.

    Parameters
    ----------
    folder : Path
    model : str
        As it was asked for; the path of a model is not compared.
    benchmark : str
        As it was asked for, with or without a version.
    option : str
    force : bool
        Whether what is there may be replaced.

    Raises
    ------
    UserError
        It is a file (``no-place``), the record of something else (``record-elsewhere``), or holds other files than those of
        a record (``not-ours``).
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"{folder} is a file.", where=option, mend="Name a folder; it need not exist.", code="no-place"
        )
    there = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    if force or not there:
        return
    held = _held(folder / "record.json")
    if others := there if held is None else [name for name in there if name not in FILES]:
        what = f"{others[0]!r}{f' and {len(others) - 1} more' if len(others) > 1 else ''}"
        raise UserError(
            f"{folder} holds {what}, which a record would replace.",
            where=option,
            mend="Name another folder, or give --force to replace everything in it.",
            code="not-ours",
        )
    if held is None:
        return
    name, board, version = held
    named = not Path(model.partition(":")[0]).exists()
    if benchmark not in (board, f"{board}@{version}") or (named and model != name):
        raise UserError(
            f"{folder} holds the record of {name!r} on {board}@{version}.",
            where=option,
            mend="Name another folder, or give --force to replace it.",
            code="record-elsewhere",
        )


def _held(file: Path) -> tuple[str, str, int] | None:
    """Model, benchmark and version of a record; None where the file is none."""
    try:
        told = json.loads(file.read_text("utf-8"))
        return told["model"]["name"], told["benchmark"]["name"], told["benchmark"]["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


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
