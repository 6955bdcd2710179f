"""Health, readiness and metrics."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from board_rows import make_run, make_submission
from gyral_portal import operating
from gyral_submissions.models import Benchmark

pytestmark = pytest.mark.django_db
LINE = re.compile(r'^gyral_[a-z_]+(\{[a-z]+="[a-z]+"\})? -?[0-9.e+]+$')


def test_ready_says_what_fails(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/health/ready").json() == {"database": "ok", "disk": "ok"}
    monkeypatch.setattr(operating, "_LEAST_FREE", 1 << 62)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["disk"]) == (503, "failing")


def test_metrics_are_there_for_who_has_the_token(
    client: Client, board: Benchmark, owner: User, settings: Any
) -> None:
    make_run(make_submission("hush", owner=owner, visibility="private"), board)
    assert client.get("/metrics").status_code == 404
    settings.GYRAL_METRICS_TOKEN = "sesame"
    assert client.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 404
    answer = client.get("/metrics", headers={"authorization": "Bearer sesame"})
    text = answer.content.decode()
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'gyral_runs{state="queued"} 1' in text and "gyral_disk_free_bytes " in text and "hush" not in text
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or LINE.match(line), line
