"""What a machine lacks skips a test with the reason, and fails it where it was required."""

import shutil
import subprocess
from pathlib import Path

import pytest

from needs import absent


@pytest.mark.parametrize("required", ["", "data,services"])
def test_what_nobody_requires_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv("GYRAL_REQUIRE", required)
    with pytest.raises(pytest.skip.Exception, match="no namespaces here"):
        absent("sandbox", "no namespaces here")


def test_what_is_required_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYRAL_REQUIRE", "data, sandbox")
    with pytest.raises(pytest.fail.Exception, match="GYRAL_REQUIRE names 'sandbox', but no namespaces here"):
        absent("sandbox", "no namespaces here")


@pytest.mark.parametrize("chromium", [True, False])
def test_continuous_integration_requires_a_browser_where_there_is_one(tmp_path: Path, chromium: bool) -> None:
    """The script itself, in a folder where `make` does nothing and only `bin` is on the path."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(Path(__file__).resolve().parents[1] / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "bin").mkdir()
    for name in ("bash", "date", "dirname", "timeout"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    stubs = ["bin/make", ".venv/bin/python", *(["bin/chromium"] if chromium else [])]
    for stub in stubs:
        (tmp_path / stub).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / stub).write_text("#!/bin/sh\n")
        (tmp_path / stub).chmod(0o755)
    run = ["bash", str(tmp_path / ".ci" / "run")]
    done = subprocess.run(
        run, env={"PATH": str(tmp_path / "bin")}, capture_output=True, text=True, timeout=60, check=True
    )
    required = done.stdout.partition("required: ")[2].splitlines()[0].split(",")
    assert ("browser" in required) == chromium and "landlock" in required
    assert ("NO TEST IN A BROWSER RUNS" in done.stderr) != chromium
