"""`make demo` without the scoring: prepared, served, with a login that works, and gone when told."""

import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gyral_portal.supervisor import descendants
from live_site import free_port


@dataclass
class Demo:
    address: str
    process: subprocess.Popen[str]
    text: str
    folder: Path


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    """In a folder of its own, as from a fresh checkout; no mirror, so that only simulated data are there."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GYRAL_") and k != "DJANGO_SETTINGS_MODULE"}
    return subprocess.Popen(
        [sys.executable, "-m", "gyral_portal.demo", "--no-score", "--port", str(port)],
        cwd=folder,
        env={**kept, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder, port = tmp_path_factory.mktemp("checkout"), free_port()
    process = start(folder, port)
    text = ""
    assert process.stdout is not None
    for line in process.stdout:
        text += line
        if "Gyral: http" in line:
            break
    found = Demo(f"http://127.0.0.1:{port}", process, text, folder)
    for _ in range(100):
        try:
            urllib.request.urlopen(found.address, timeout=5)
            break
        except OSError:
            time.sleep(0.1)
    yield found
    process.kill()
    process.communicate()


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return str(answer.read().decode())


def test_pages_are_served_with_their_style(demo: Demo) -> None:
    page = read(demo.address)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert "--ink:" in style[1], "the stylesheet sets custom properties"
    script = re.search(r'src="(/static/[^"]+\.js)"', page)
    assert script is not None
    assert "htmx" in read(demo.address + script[1])
    board = read(f"{demo.address}/boards/sim-vision/")
    assert "simulated" in board.lower()


def test_sets_out_of_reach_are_said_in_a_line_each(demo: Demo) -> None:
    told = [line for line in demo.text.splitlines() if "GYRAL_MIRROR" in line]
    assert told, demo.text
    assert "Traceback" not in demo.text


def test_printed_login_works(demo: Demo) -> None:
    login = re.search(r"Demo login: (\S+) / (\S+)", demo.text)
    assert login is not None
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    form = browser.open(f"{demo.address}/accounts/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token is not None
    fields = {"csrfmiddlewaretoken": token[1], "login": login[1], "password": login[2]}
    request = urllib.request.Request(
        f"{demo.address}/accounts/login/",
        urllib.parse.urlencode(fields).encode(),
        {"Referer": demo.address},
    )
    browser.open(request)
    assert "sessionid" in {cookie.name for cookie in jar}
    assert (demo.folder / ".gyral" / "demo-login").stat().st_mode & 0o077 == 0


def test_taken_port_is_named_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(tmp_path, port)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"port {port}" in output
    assert not (tmp_path / ".gyral").exists()


def test_demo_ends_within_ten_seconds_and_leaves_nothing(demo: Demo) -> None:
    family = descendants(demo.process.pid)
    begun = time.monotonic()
    demo.process.send_signal(signal.SIGTERM)
    demo.process.wait(10)
    assert time.monotonic() - begun < 10
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
