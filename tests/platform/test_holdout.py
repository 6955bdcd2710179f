"""Of what a benchmark holds back a page tells what all models come to, and nothing tells what one does."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from board_rows import make_scored
from gyral_portal.api.api import api
from gyral_submissions.models import Benchmark, HoldoutReport, HoldoutScore, Run

pytestmark = pytest.mark.django_db
SECRET = 0.123456


@pytest.fixture
def held(board: Benchmark, owner: User) -> Benchmark:
    """The board with three models of which something is held back."""
    Benchmark.objects.filter(pk=board.pk).update(about=board.about | {"holdout": True})
    for k, name in enumerate(("one", "two", "three")):
        make_scored(name, board, {"V1": 0.3, "V4": 0.4 + k / 10}, owner=owner)
    for run in Run.objects.all():
        HoldoutScore.objects.create(run=run, region="V4", value=SECRET)
    board.refresh_from_db()
    return board


def test_the_page_tells_what_all_models_come_to(client: Client, held: Benchmark) -> None:
    address = f"/benchmarks/{held.identifier}/"
    assert "there are too few yet" in client.get(address).content.decode()
    HoldoutReport.objects.create(benchmark=held, created=timezone.now(), count=12, agreement=0.93, drop=0.02)
    said = client.get(address).content.decode()
    assert "over 12 models" in said
    assert ".93 (Spearman)" in said
    assert "too few yet" not in said


def test_a_benchmark_that_holds_nothing_back_says_nothing(client: Client, board: Benchmark) -> None:
    assert "held-back" not in client.get(f"/benchmarks/{board.identifier}/").content.decode()


def test_no_page_api_export_or_admin_tells_what_one_model_reached(
    client: Client, admin_client: Client, held: Benchmark
) -> None:
    run = Run.objects.filter(submission__name="two").get()
    pages = [
        f"/benchmarks/{held.identifier}/",
        "/boards/cortex/",
        "/boards/cortex/?subjects=1&layers=1",
        "/models/two/",
        f"/records/{run.pk}/",
        "/api/v1/benchmarks",
        f"/api/v1/benchmarks/{held.identifier}",
        "/api/v1/boards/cortex",
        f"/api/v1/records/{run.pk}",
        "/api/v1/submissions",
        "/admin/gyral_submissions/run/",
        f"/admin/gyral_submissions/run/{run.pk}/change/",
        f"/admin/gyral_submissions/benchmark/{held.pk}/change/",
    ]
    seen = 0
    for who in (client, admin_client):
        if who is client:
            who.force_login(run.submission.owner)
        for address in pages:
            found = who.get(address)
            seen += found.status_code == 200
            assert str(SECRET)[1:6] not in found.content.decode(), address
    assert seen >= len(pages)


def test_nothing_but_its_own_verbs_can_reach_a_held_back_score() -> None:
    assert not admin.site.is_registered(HoldoutScore)
    names = {r.get_accessor_name() for r in Run._meta.related_objects if r.related_model is HoldoutScore}
    assert names <= {None, "+"}, "no way from a run to its held-back scores"
    assert "holdout" not in str(api.get_openapi_schema()).lower()
