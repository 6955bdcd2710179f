"""A real `gyral serve` in a home of its own: site, worker and sweeper as the operator runs them."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PREPARE_SECONDS = 180.0


@dataclass(frozen=True)
class LiveSite:
    """Where it is and what it printed."""

    address: str
    home: Path
    log: Path
    process: subprocess.Popen[bytes]

    def manage(self, *arguments: str, code: str = "") -> str:
        """Run ``django-admin`` (or a snippet in a Django shell) on the site's database."""
        command = ["shell", "--command", code] if code else list(arguments)
        done = subprocess.run(
            [sys.executable, "-m", "django", *command],
            env=environment(self.home),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def environment(home: Path, **more: str) -> dict[str, str]:
    """Environment of a site in ``home``; the cache is the session's."""
    return {
        **os.environ,
        "GYRAL_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "gyral_portal.settings",
        "GYRAL_LEAST_TIER": "process",
        "GYRAL_MIRROR": "",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_site(home: Path, *options: str, **variables: str) -> LiveSite:
    """Start one and wait until it answers."""
    home.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), home / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gyral.cli.main", "serve", "--port", str(port), *options],
            env=environment(home, **variables),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    site = LiveSite(f"http://127.0.0.1:{port}", home, log, process)
    try:
        _wait(site)
    except BaseException:
        process.kill()
        raise
    return site


@contextmanager
def running_site(home: Path, *options: str, **variables: str) -> Iterator[LiveSite]:
    """A site for the length of a ``with`` block."""
    site = start_site(home, *options, **variables)
    try:
        yield site
    finally:
        site.process.send_signal(signal.SIGTERM)
        try:
            site.process.wait(15)
        finally:
            site.process.kill()


def _wait(site: LiveSite) -> None:
    deadline = time.monotonic() + PREPARE_SECONDS
    while time.monotonic() < deadline:
        if site.process.poll() is not None:
            raise AssertionError(f"gyral serve ended: {site.log.read_text()}")
        try:
            with urllib.request.urlopen(f"{site.address}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError(f"gyral serve did not answer: {site.log.read_text()}")
