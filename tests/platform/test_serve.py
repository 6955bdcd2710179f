"""`gyral serve` and its supervisor, with real processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gyral_portal.supervisor import descendants
from live_site import environment, running_site, start_site

# Children that supervise nothing of Gyral, so that each case takes a second.
STUB = """
import sys, click
from gyral_portal.supervisor import Child, Supervisor
sleeper = "import signal, subprocess, sys, time; {before}; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True); time.sleep(600)"
children = [Child("sleeper", [sys.executable, "-c", sleeper])]
sys.exit(Supervisor(children, say=lambda text: print(text, flush=True)).run())
"""


def _gone(pids: set[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(_alive(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _family(process: subprocess.Popen[bytes], least: int) -> set[int]:
    deadline = time.monotonic() + 20
    while len(found := descendants(process.pid)) < least:
        assert time.monotonic() < deadline, f"only {found}"
        time.sleep(0.1)
    return found


def _stub(before: str = "pass") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", STUB.format(before=before)], start_new_session=True)


def test_supervisor_starts_what_has_an_end_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"""
import sys
from gyral_portal.supervisor import Child, Supervisor
kept = Child("kept", [sys.executable, "-c", "import time; time.sleep(600)"])
once = Child("once", [sys.executable, "-c", "open({str(log)!r}, 'a').write('begun'); raise SystemExit(3)"], once=True)
sys.exit(Supervisor([once, kept], say=print).run())
"""
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    deadline = time.monotonic() + 20
    while not log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(3)  # what is kept alive would have been started again after one second
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert log.read_text() == "begun"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_supervisor_ends_every_child_when_told(number: signal.Signals) -> None:
    process = _stub()
    family = _family(process, 2)
    begun = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == 0
    assert time.monotonic() - begun < 10
    assert _gone(family, 1)


def test_supervisor_kills_children_that_ignore_sigterm_within_ten_seconds() -> None:
    process = _stub("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    family = _family(process, 2)
    begun = time.monotonic()
    process.terminate()
    process.wait(12)
    assert time.monotonic() - begun < 10
    assert _gone(family, 1)


def test_supervisor_killed_leaves_no_child() -> None:
    process = _stub()
    child = descendants(process.pid, direct=True)
    deadline = time.monotonic() + 10
    while not (child := descendants(process.pid, direct=True)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    grandchildren = _family(process, 2) - child
    try:
        process.kill()
        process.wait()
        assert _gone(child, 5)
    finally:
        for pid in grandchildren:  # of the test's making: they tie themselves to nobody
            os.kill(pid, signal.SIGKILL)


def test_supervisor_restarts_a_child_that_dies() -> None:
    process = _stub()
    first = _family(process, 2)
    leader = next(iter(descendants(process.pid, direct=True)))
    os.kill(leader, signal.SIGKILL)
    deadline = time.monotonic() + 15
    while not (descendants(process.pid) - first):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.terminate()
    assert process.wait(10) == 0


def test_supervisor_gives_up_on_a_child_that_cannot_live(capfd: pytest.CaptureFixture[str]) -> None:
    code = (
        "import sys\nimport gyral_portal.supervisor as s\ns.MOST_DEATHS = 2\n"
        "sys.exit(s.Supervisor([s.Child('doomed', [sys.executable, '-c', 'raise SystemExit(7)'])], say=print).run())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "the doomed died 2 times in a row, last with exit status 7" in done.stdout


def test_serve_names_a_taken_port_before_it_starts_anything(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "gyral.cli.main", "serve", "--port", str(port)],
            env=environment(tmp_path / "home"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert not (tmp_path / "home" / "gyral.sqlite3").exists()


@pytest.mark.parametrize("module", ["gyral_portal.demo", "gyral.cli.main serve"])
def test_a_port_that_there_cannot_be_is_refused(tmp_path: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *module.split(), "--port", "99999"],
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "99999 is not in the range 0<=x<=65535" in done.stderr


def test_serve_refuses_a_public_address_without_host_names(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gyral.cli.main", "serve", "--host", "0.0.0.0", "--port", "0"],
        env=environment(tmp_path / "home", GYRAL_ALLOWED_HOSTS=""),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "GYRAL_ALLOWED_HOSTS" in done.stderr


def test_serve_runs_site_worker_and_sweeper_and_leaves_no_orphan(tmp_path: Path) -> None:
    with running_site(tmp_path / "home") as site:
        family = _family(site.process, 4)
        commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in family]
        for part in ("gunicorn", "celery", "sweep"):
            assert any(part in command for command in commands)
        begun = time.monotonic()
        site.process.terminate()
        assert site.process.wait(10) == 0
        assert time.monotonic() - begun < 10
        assert _gone(family, 1)


def test_serve_killed_leaves_no_orphan(tmp_path: Path) -> None:
    site = start_site(tmp_path / "home")
    family = _family(site.process, 4)
    site.process.kill()
    site.process.wait()
    assert _gone(family, 5)
