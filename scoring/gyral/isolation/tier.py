"""Tier: how firmly this machine can hold a guest, found out by trying.

From the weakest to the strongest:

``process``     a session of its own, a cleared environment, resource limits: bounds accidents, not malice.
``landlock``    also no file but its own, no socket, no other process, no capability, by what the kernel alone offers.
``bubblewrap``  also namespaces for files, processes, users and network: what is not given is not there.

A tier is believed only after a guest of ours tried to break out of it here (:mod:`gyral.isolation.trial`).
"""

import functools
import json
import logging
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gyral.errors import GyralError, Unavailable, UnknownName
from gyral.isolation import landlock, seccomp

Tier = Literal["process", "landlock", "bubblewrap"]

TIERS: tuple[Tier, ...] = ("process", "landlock", "bubblewrap")
LEAST = "GYRAL_LEAST_TIER"

_TRIAL = ("-m", "gyral.isolation.trial")
_SECONDS = 30.0

logger = logging.getLogger("gyral.isolation")


@dataclass(frozen=True)
class Findings:
    """What this machine can do.

    Parameters
    ----------
    tier : {"process", "landlock", "bubblewrap"}
        The strongest that works.
    lacking : dict
        Why each stronger one does not.
    """

    tier: Tier
    lacking: dict[Tier, str] = field(default_factory=dict)

    def __str__(self) -> str:
        why = "".join(f"; not by {tier}: {reason}" for tier, reason in self.lacking.items())
        return f"guests are held by {self.tier}{why}"


@functools.cache
def examine() -> Findings:
    """Try the tiers from the strongest down, once a process, and log what was found.

    Examples
    --------
    >>> examine().tier in TIERS
    True
    """
    lacking: dict[Tier, str] = {}
    for tier in reversed(TIERS):
        reason = None if tier == "process" else try_out(tier)
        if reason is None:
            break
        lacking[tier] = reason
    findings = Findings(tier, lacking)
    logger.log(logging.INFO if tier == TIERS[-1] else logging.WARNING, "%s", findings)
    return findings


def probe() -> Tier:
    """The strongest tier that works here."""
    return examine().tier


def allowed() -> Tier:
    """The tier to hold a guest in: the strongest, unless the operator asks for more (``GYRAL_LEAST_TIER``).

    Raises
    ------
    Unavailable
        This machine cannot hold a guest as firmly as is asked (code ``sandbox-tier``).
    UnknownName
        ``GYRAL_LEAST_TIER`` names no tier.
    """
    least = os.environ.get(LEAST) or TIERS[0]
    if least not in TIERS:
        raise UnknownName("tier", least, TIERS)
    findings = examine()
    if not is_enough(findings.tier, least):
        raise Unavailable(
            f"this machine cannot run models of strangers: {findings}, and {least!r} is the least that is allowed.",
            mend=f"Install bubblewrap, or lower {LEAST} if you trust whoever sends models.",
            code="sandbox-tier",
        )
    return findings.tier


def is_enough(tier: Tier, least: Tier) -> bool:
    """Whether ``tier`` holds at least as firmly as ``least``.

    >>> is_enough("bubblewrap", "landlock"), is_enough("process", "landlock")
    (True, False)
    """
    return TIERS.index(tier) >= TIERS.index(least)


def try_out(tier: Tier) -> str | None:
    """Why ``tier`` does not hold a guest here; None if it does."""
    if seccomp.machine() is None:
        return f"there is no system call filter for {os.uname().machine}"
    if tier == "bubblewrap" and shutil.which("bwrap") is None:
        return "bwrap is not installed"
    if tier == "landlock" and landlock.abi() < landlock.LEAST_ABI:
        return f"the kernel's Landlock is of version {landlock.abi()}, {landlock.LEAST_ABI} is needed"
    with tempfile.TemporaryDirectory(prefix="gyral-trial-") as folder:
        return _tried(tier, Path(folder))


def _tried(tier: Tier, folder: Path) -> str | None:
    # Nested: these know the tiers from here.
    from gyral.isolation.launch import Places, start
    from gyral.isolation.limits import Limits
    from gyral.isolation.process import Process

    (folder / "job" / "scratch").mkdir(parents=True)
    (folder / "model").mkdir()
    secret = folder / "secret"
    secret.write_text("kept from guests", "utf-8")
    places, limits = Places(folder / "job", folder / "model"), Limits()
    facts = {
        "limits": limits.as_dict(),
        "tier": tier,
        "device": "cpu",
        "host": None if tier == "bubblewrap" else os.getpid(),
        "parent": os.getpid(),
        "model": places.seen(tier)[1],
        "secret": str(secret),
    }
    (folder / "job" / "job.json").write_text(json.dumps(facts), "utf-8")
    process = None
    try:
        process = Process(start(tier, places, _TRIAL, limits=limits), limits)
        message = process.listen(time.monotonic() + _SECONDS)
        reached = message["what"] if message["say"] == "reached" else [message["say"]]
        if reached:
            return f"a guest could reach {', '.join(reached)}"
        if (process.scratch / "written").read_bytes() != b"trial":
            return "what a guest writes is not what is found"
    except GyralError as error:
        return f"no guest comes up: {error}"[:300]
    except OSError as error:
        return f"the scratch of a guest is not found: {error.strerror}"
    finally:
        if process is not None:
            process.end()
    return None
