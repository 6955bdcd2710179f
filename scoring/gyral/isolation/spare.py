"""Spare: a guest that is held and has imported its libraries before anybody knows which model it is for.

It is used once, for one model, and ended with it: what ran another's model is never given a second one.
"""

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from gyral.errors import GyralError
from gyral.isolation.launch import GUEST
from gyral.isolation.limits import Limits
from gyral.isolation.session import Guest
from gyral.isolation.tier import Tier, allowed
from gyral.models.twins import Twin


class Spare:
    """At most one idle guest; it is gone with this process, with ``end``, or with what took it.

    Parameters
    ----------
    tier : {"landlock", "bubblewrap", "docker"}, optional
        How it is held; the strongest that works here by default. At ``process`` none is kept: such a guest could write
        through the links by which it gets the model.
    limits, device, program
        See `gyral.isolation.host.IsolatedModel`.

    Raises
    ------
    Unavailable
        This machine cannot hold it as firmly as is asked (code ``sandbox-tier``).
    """

    def __init__(
        self,
        *,
        tier: Tier | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        device: str = "cpu",
        program: Sequence[str] = GUEST,
    ) -> None:
        self.tier: Tier = tier or allowed()
        self.limits, self.device, self.program = limits, device, tuple(program)
        self._guest: Guest | None = None
        if self.tier != "process":
            self._guest = Guest(None, "wait", limits=limits, tier=self.tier, program=program, device=device)

    def wait(self) -> bool:
        """Wait until it has imported what it will need; False where there is none, or it failed."""
        if self._guest is None:
            return False
        try:
            self._guest.listen(["ready"])
        except GyralError:
            self.end()
        return self._guest is not None

    def take(
        self,
        path: Path,
        *,
        twin: Twin | None,
        seed: int,
        limits: Limits,
        device: str,
        tier: Tier,
        program: Sequence[str],
    ) -> Guest | None:
        """The guest, opening ``path``; None where there is none (any more), or it is held otherwise than is asked.

        Parameters
        ----------
        path : Path
            The model's folder or file. It is put before the guest by links: None also where it lies on another disk.
        twin, seed, limits, device, tier, program
            See `gyral.isolation.host.IsolatedModel`.
        """
        guest, self._guest = self._guest, None
        if guest is None:
            return None
        fits = (tier, device, limits, tuple(program)) == (self.tier, self.device, self.limits, self.program)
        if fits and guest.process.lives and _linked(path.resolve(), guest.job.model):
            guest.open(path.resolve().name, twin=twin, seed=seed)
            return guest
        guest.end()
        return None

    def end(self) -> None:
        """End the guest if nobody took it; a second call does nothing."""
        if self._guest is not None:
            self._guest.end()
            self._guest = None


def _linked(path: Path, folder: Path) -> bool:
    """Put hard links to the model's files into ``folder``; False, and nothing left there, where that cannot be."""
    target = folder / path.name
    try:
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True, copy_function=os.link)
        else:
            os.link(path, target)
    except (OSError, shutil.Error):
        with contextlib.suppress(OSError):
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        return False
    return True
