"""Console: where tables are printed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_NO_WIDTH = 10_000  # columns; nothing is padded to it


def open_console() -> "Console":
    """Standard output; a file or a pipe has no width that a table must fit, and so nothing in it is cut."""
    from rich.console import Console  # slow to import

    console = Console()
    return console if console.is_terminal else Console(width=_NO_WIDTH)
