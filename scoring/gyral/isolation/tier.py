"""Tier: how firmly this machine can hold a guest, found out by trying.

From the weakest to the strongest:

``process``     a session of its own, a cleared environment, resource limits: bounds accidents, not malice.
``landlock``    also no file but its own, no socket, no other process, no capability, by what the kernel alone offers.
``bubblewrap``  also namespaces for files, processes, users and network: what is not given is not there.
``docker``      the same in a container, with memory, threads and processors counted by the kernel; only where
                ``GYRAL_GUEST_IMAGE`` names the guest's image.

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

from gyral import places
from gyral.errors import GyralError, Unavailable, UnknownName
from gyral.isolation import landlock, seccomp
from gyral.provenance import code_hash

Tier = Literal["process", "landlock", "bubblewrap", "docker"]

TIERS: tuple[Tier, ...] = ("process", "landlock", "bubblewrap", "docker")
LEAST = "GYRAL_LEAST_TIER"

_TRIAL = ("-m", "gyral.isolation.trial")
_SECONDS = 30.0

logger = logging.getLogger("gyral.isolation")


@dataclass(frozen=True)
class Findings:
    """What this machine can do.

    Parameters
    ----------
    tier : {"process", "landlock", "bubblewrap", "docker"}
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
    asked = [tier for tier in TIERS if tier != "docker" or os.environ.get("GYRAL_GUEST_IMAGE")]
    for tier in reversed(asked):
        reason = None if tier == "process" else try_out(tier)
        if reason is None:
            break
        lacking[tier] = reason
    findings = Findings(tier, lacking)
    logger.log(logging.WARNING if lacking else logging.INFO, "%s", findings)
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
            mend=f"Install bubblewrap (or name an image in GYRAL_GUEST_IMAGE), or lower {LEAST} if you trust whoever "
            "sends models.",
            code="sandbox-tier",
        )
    return findings.tier


def is_enough(tier: Tier, least: Tier) -> bool:
    """Whether ``tier`` holds at least as firmly as ``least``.

    >>> is_enough("bubblewrap", "landlock"), is_enough("process", "landlock")
    (True, False)
    """
    return TIERS.index(tier) >= TIERS.index(least)


def has_namespaces(tier: Tier) -> bool:
    """Whether a guest has files and process ids of its own.

    >>> [tier for tier in TIERS if has_namespaces(tier)]
    ['bubblewrap', 'docker']
    """
    return tier in ("bubblewrap", "docker")


def try_out(tier: Tier) -> str | None:
    """Why ``tier`` does not hold a guest here; None if it does."""
    if seccomp.machine() is None:
        return f"there is no system call filter for {os.uname().machine}"
    if tier == "bubblewrap" and shutil.which("bwrap") is None:
        return "bwrap is not installed"
    if tier == "landlock" and landlock.abi() < landlock.LEAST_ABI:
        return f"the kernel's Landlock is of version {landlock.abi()}, {landlock.LEAST_ABI} is needed"
    if tier == "docker" and (reason := container_lacks()):
        return reason
    # An engine sees the same folder only where jobs are seen.
    parent = places.cache() / "jobs" if tier == "docker" else None
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gyral-trial-", dir=parent) as folder:
        return _tried(tier, Path(folder))


def container_lacks() -> str | None:
    """See `gyral.isolation.container.lacking`."""
    from gyral.isolation import container  # nested: it knows the tiers from here

    return container.lacking()


def _tried(tier: Tier, folder: Path) -> str | None:
    # Nested: these know the tiers from here.
    from gyral.isolation.launch import start
    from gyral.isolation.limits import Limits
    from gyral.isolation.places import Places
    from gyral.isolation.process import Process

    (folder / "job" / "scratch").mkdir(parents=True)
    (folder / "model").mkdir()
    secret = folder / "secret"
    secret.write_text("kept from guests", "utf-8")
    seen, limits = Places(folder / "job", folder / "model"), Limits()
    facts = {
        "limits": limits.as_dict(),
        "tier": tier,
        "device": "cpu",
        "host": None if has_namespaces(tier) else os.getpid(),
        "parent": os.getpid(),
        "model": seen.seen(tier)[1],
        "secret": str(secret),
    }
    (folder / "job" / "job.json").write_text(json.dumps(facts), "utf-8")
    process = None
    try:
        process = Process(start(tier, seen, _TRIAL, limits=limits), limits)
        message = process.listen(time.monotonic() + _SECONDS)
        reached = message["what"] if message["say"] == "reached" else [message["say"]]
        if reached:
            return f"a guest could reach {', '.join(reached)}"
        # Elsewhere a guest runs the library that lies here.
        if tier == "docker" and message.get("code") != code_hash():
            return "the image holds another version of the library"
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
