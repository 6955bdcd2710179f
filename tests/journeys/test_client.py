"""From a folder to a record at home, through the command line, with a real worker; no browser, no mock."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from live_site import LiveSite

TOKEN = """
from django.contrib.auth.models import User
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
print(create_token(User.objects.create_user("cli"), "journey", Scope.SUBMIT)[1])
"""


@pytest.mark.slow
def test_command_line_submits_waits_and_shows_the_record(site: LiveSite, fixtures: Path, tmp_path: Path) -> None:
    token = site.manage(code=TOKEN).splitlines()[-1]

    def gyral(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gyral.cli.main", *arguments],
            env=os.environ | {"GYRAL_HOME": str(tmp_path / "laptop")},
            input=typed,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    done = gyral("login", site.address, typed=f"{token}\n")
    assert done.returncode == 0 and "You are cli" in done.stdout, done.stderr
    done = gyral("submit", str(fixtures / "conv"), "-b", "sim-vision", "--wait", "--save", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    assert "running" in done.stderr
    folders = sorted((tmp_path / "kept").iterdir())
    assert [f.name for f in folders] == ["tiny-conv-v1-sim-vision@1", "tiny-conv-v1-untrained-sim-vision@1"]
    record = json.loads((folders[0] / "record.json").read_text())
    shown = gyral("show", str(folders[0]))
    assert shown.returncode == 0 and record["rows"][0]["region"] in shown.stdout
    run = json.loads(gyral("status", "--json").stdout)["runs"][0]["id"]
    assert "Finished" in gyral("logs", run, "--follow").stdout or gyral("logs", run).stdout
