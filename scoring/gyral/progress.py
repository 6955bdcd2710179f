"""Progress: how long-running work reports where it stands."""

from typing import Protocol


class Progress(Protocol):
    """Called at most a few times a second with the current step and how much of it is done."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report ``done`` of ``total`` parts of ``step``."""
        ...


def silent(step: str, done: int, total: int) -> None:
    """Report nothing."""
