"""Standby: the child that a worker keeps for its next run, with everything imported and a guest ready.

One is started while a run is at work, once that run has done its own imports, and takes the next run of the same worker.
It is used once. Where none comes within ``GYRAL_WARM_SECONDS`` it goes by itself; with the worker it goes at once.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gyral_submissions import conf
from gyral_submissions.domain.child import Child
from gyral_submissions.domain.log import CappedFile


class Standby:
    """At most one waiting child, of the process that made it."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._pid = os.getpid()
        self._made: tuple[object, ...] = ()

    def start(self, environment: Mapping[str, str]) -> None:
        """Start one, unless one waits already or none is wanted (``GYRAL_WARM_SECONDS`` of 0).

        Parameters
        ----------
        environment : mapping
            All of its environment variables.
        """
        seconds = conf.WARM_SECONDS()
        if not seconds or (self._is_ours() and self._child is not None and not self._child.has_ended(0)):
            return
        self.end()
        argv = [*conf.SCORE_COMMAND(), "standby", "--device", conf.DEVICE(), "--seconds", f"{seconds:g}"]
        self._made, self._pid = _key(environment), os.getpid()
        self._child = Child(argv, environment=environment, errors=None, folder=conf.runs())

    def take(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], errors: CappedFile, folder: Path
    ) -> Child | None:
        """The waiting child, told what to do; None where none is ready, or it was started for something else.

        Parameters
        ----------
        arguments : sequence of str
            Of the command line.
        environment, errors, folder
            See `gyral_submissions.domain.child.Child`.
        """
        if not self._is_ours():
            return None
        child, self._child = self._child, None
        if child is None:
            return None
        fits = self._made == _key(environment) and child.said.is_ready and not child.has_ended(0)
        if fits and child.order(arguments, errors=errors, folder=folder):
            return child
        child.end()
        return None

    def end(self) -> None:
        """End what waits; a second call does nothing."""
        if self._child is not None and self._is_ours():
            self._child.end()
        self._child = None

    def _is_ours(self) -> bool:
        """False in a worker that was forked: the child is its parent's."""
        return self._pid == os.getpid()


def _key(environment: Mapping[str, str]) -> tuple[object, ...]:
    """What a child was started with."""
    return dict(environment), conf.SCORE_COMMAND(), conf.DEVICE()
