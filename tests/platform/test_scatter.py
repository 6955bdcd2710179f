"""Scatter and best over time: points, fronts, staircases, the SVG itself."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from board_rows import make_run, make_scored, make_submission
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_submissions.domain.standing import renew
from gyral_submissions.models import Benchmark, Run

pytestmark = pytest.mark.django_db
SVG = "{http://www.w3.org/2000/svg}"


def _card(parameters: int | None) -> dict[str, Any]:
    return {"family": "ResNet", "licence": "MIT", "layers": [], "parameters": parameters}


@pytest.fixture
def models(board: Benchmark) -> None:
    sizes = {
        "tiny": (1_000_000, 0.2),
        "small": (4_000_000, 0.4),
        "waste": (50_000_000, 0.3),
        "large": (10**9, 0.5),
    }
    for name, (parameters, value) in sizes.items():
        values = {"V1": 0.6 - value, "V4": value}
        make_scored(name, board, values, card=_card(parameters), title=f"{name.capitalize()} & <b>net</b>")
    make_scored("unsaid", board, {"V4": 0.9}, card=_card(None))
    make_scored("unscored", board, {"V4": None}, card=_card(5))


def _points(client: Client, query: str = "") -> dict[str, Any]:
    found = client.get(f"/api/v1/boards/cortex/scatter?{query}").json()
    return found | {"by": {p["model"]: p for p in found["points"]}}


def test_front_holds_what_no_smaller_model_beats(client: Client, models: None) -> None:
    found = _points(client)
    assert (found["x"], found["y"], found["count"], found["missing"]) == ("parameters", "V4", 4, 2)
    assert [p["model"] for p in found["points"]] == ["large", "small", "tiny", "waste"]
    assert {m for m, p in found["by"].items() if p["on_front"]} == {"tiny", "small", "large"}
    assert (found["by"]["small"]["low"], found["by"]["small"]["high"]) == pytest.approx((0.38, 0.42))


def test_one_score_against_another_has_a_front_of_both(client: Client, models: None) -> None:
    found = _points(client, "x=V1&y=V4")
    assert {m for m, p in found["by"].items() if p["on_front"]} == {"tiny", "small", "waste", "large"}
    text = client.get("/boards/cortex/scatter/?x=V1&y=V4").content.decode()
    assert "better in both scores" in text and "4 on the front" in text


def test_score_against_compute_leaves_out_what_nobody_counted(
    client: Client, models: None, board: Benchmark
) -> None:
    counts = {"tiny": 3_000_000, "small": 2_000_000, "large": 4_000_000_000}
    for name, count in counts.items():
        Run.objects.filter(submission__name=name).update(multiply_adds=count)
    renew(Benchmark.objects.filter(pk=board.pk))
    found = _points(client, "x=compute")
    assert (found["x"], found["count"], found["missing"]) == ("compute", 3, 3)
    assert {m: p["x"] for m, p in found["by"].items()} == counts
    assert {m for m, p in found["by"].items() if p["on_front"]} == {"small", "large"}
    text = client.get("/boards/cortex/scatter/?x=compute").content.decode()
    assert "score against compute" in text and "without a count of multiply-adds" in text
    assert '<option value="compute" selected>' in text and "4,000,000,000" in text
    assert (
        "multiply-adds of one stimulus (log)"
        in client.get("/boards/cortex/scatter.svg?x=compute").content.decode()
    )
    page = client.get("/models/large/").content.decode()
    assert "4 G multiply-adds" in page and "?x=compute" in page
    run = Run.objects.get(submission__name="large")
    assert "4,000,000,000" in client.get(f"/records/{run.pk}/").content.decode()
    assert client.get(f"/api/v1/runs/{run.pk}").json()["multiply_adds"] == 4_000_000_000


def test_filters_of_the_board_hold_here(client: Client, models: None) -> None:
    assert set(_points(client, "q=net%20OR%20x&size=1m-10m")["by"]) == {"tiny", "small"}
    text = client.get("/boards/cortex/scatter/?size=1m-10m").content.decode()
    assert '<input type="hidden" name="size" value="1m-10m">' in text
    assert "2 models." in text


def test_columns_that_do_not_exist_are_refused_by_the_api_and_said_on_the_page(
    client: Client, models: None
) -> None:
    for query in ("x=V9", "y=V9", "y=parameters", "y=compute", "columns=V9"):
        assert client.get(f"/api/v1/boards/cortex/scatter?{query}").status_code == 422
    text = client.get("/boards/cortex/scatter/?y=<i>").content.decode()
    assert "No column is called &#x27;&lt;i&gt;&#x27;." in text and "<i>" not in text


def test_file_is_a_picture_of_its_own_that_says_what_it_shows(client: Client, models: None) -> None:
    answer = client.get("/boards/cortex/scatter.svg")
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["Content-Disposition"] == 'attachment; filename="cortex-0-scatter.svg"'
    root = ET.fromstring(answer.content)
    titled = {child.get("id"): child.text or "" for child in root if child.tag in (f"{SVG}title", f"{SVG}desc")}
    ids = (root.get("aria-labelledby") or "").split()
    assert root.get("role") == "img" and all(titled[one] for one in ids)
    assert "4 models. On the front: Tiny & <b>net</b>: 0.200, 1 M parameters" in titled["scatter-says"]
    assert {t for n in root.iter() for t in n.attrib if "style" in t} == set()
    assert not [n for n in root.iter() if n.tag.removeprefix(SVG) in ("style", "script", "image", "use")]


def test_decades_are_equally_far_apart_and_higher_is_up(client: Client, models: None) -> None:
    root = ET.fromstring(client.get("/boards/cortex/scatter.svg").content)
    ticks = {n.text: float(n.get("x", "nan")) for n in root.iter(f"{SVG}text") if n.get("text-anchor") == "middle"}
    assert ticks["10 M"] - ticks["1 M"] == pytest.approx(ticks["100 M"] - ticks["10 M"], abs=0.2)
    at = {}
    for mark in root.iter():
        title = mark.find(f"{SVG}title")
        if title is not None and mark.tag == f"{SVG}path":
            at[(title.text or "").split()[0]] = [float(v) for v in re.findall(r"-?[\d.]+", mark.get("d", ""))[:2]]
    assert at["Tiny"][0] < at["Small"][0] < at["Large"][0]
    assert at["Tiny"][1] > at["Small"][1] > at["Large"][1]


def test_private_model_is_drawn_for_its_owner_alone_and_is_on_no_front(
    client: Client, models: None, board: Benchmark, owner: User, as_owner: Client
) -> None:
    make_scored("hush", board, {"V4": 0.95}, owner=owner, visibility="private", title="Hushed", card=_card(10))
    before = client.get("/boards/cortex/scatter/")
    assert "Hushed" not in before.content.decode() and "hush" not in _points(client)["by"]
    mine = as_owner.get("/boards/cortex/scatter/").content.decode()
    assert "Hushed" in mine and "not counted" in mine
    _, token = create_token(owner, "test", Scope.READ)
    own = _points(Client(headers={"authorization": f"Bearer {token}"}))
    assert not own["by"]["hush"]["on_front"]
    assert own["by"]["tiny"]["on_front"], "what nobody else sees pushes nobody off the front"
    assert client.get("/boards/cortex/scatter/")["ETag"] == before["ETag"]


@pytest.mark.parametrize("count", [1, 5])
def test_scatter_takes_as_many_queries_for_five_models_as_for_one(
    client: Client, board: Benchmark, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(count):
        make_scored(f"m{n}", board, {"V4": 0.1 * n})
    client.get("/boards/cortex/")
    with django_assert_num_queries(3):
        client.get("/boards/cortex/scatter/")
    with django_assert_num_queries(1):
        client.get("/boards/cortex/scatter/")


def test_many_models_stay_small_and_the_front_keeps_its_names(
    client: Client, board: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gyral_portal.leaderboard.scatter.LISTED", 3)
    for n in range(12):
        make_scored(f"m{n}", board, {"V4": 0.02 * n}, card=_card(10 ** (9 - n % 5)), title=f"Model {n}")
    root = ET.fromstring(client.get("/boards/cortex/scatter.svg").content)
    named = [n for n in root.iter() if n.find(f"{SVG}title") is not None and n is not root]
    dots = [n.get("d", "") for n in root.iter(f"{SVG}path") if n.get("stroke-linecap") == "round"]
    assert len(named) == 3 and sum(d.count("h0") for d in dots) == 9
    assert len(_points(client)["points"]) == 3 and _points(client)["count"] == 12


def _on_day(name: str, board: Benchmark, value: float, day: int, **fields: Any) -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    make_run(make_submission(name, published=moment, **fields), board, {"V1": 0.1, "V4": value}, finished=moment)


def test_best_over_time_stands_on_the_benchmarks_page_and_in_the_api(client: Client, board: Benchmark) -> None:
    for day, (name, value) in enumerate((("first", 0.2), ("worse", 0.1), ("better", 0.5))):
        _on_day(name, board, value, day, title=name.capitalize())
    found = client.get("/api/v1/benchmarks/cortex/best").json()
    assert [(b["day"], b["model"], b["value"]) for b in found] == [
        ("2026-01-01", "first", 0.2),
        ("2026-01-03", "better", 0.5),
    ]
    text = client.get("/benchmarks/cortex/").content.decode()
    assert "Best over time" in text and "2026-01-03" in text and "Worse" not in text
    day = client.get("/boards/cortex@0/board.json?on=2026-01-02&sort=V4").json()
    assert day["models"][0]["model"] == "first"
    picture = ET.fromstring(text[text.index('<svg xmlns="') : text.index("</svg>") + 6])
    assert "From 0.200 on 2026-01-01 to 0.500 (Better, since 2026-01-03)" in (picture.findtext(f"{SVG}desc") or "")
    assert client.get("/api/v1/benchmarks/cortex/best?region=V9").status_code == 422
    assert [b["model"] for b in client.get("/api/v1/benchmarks/cortex/best?region=V1").json()] == ["first"]
    assert '<option value="V1" selected>' in client.get("/benchmarks/cortex/?region=V1").content.decode()


def test_best_over_time_of_nothing_and_of_what_is_private_is_not_there(
    client: Client, board: Benchmark, owner: User, as_owner: Client
) -> None:
    _on_day("hush", board, 0.9, 1, owner=owner, visibility="private", title="Hushed")
    for one in (client, as_owner):
        text = one.get("/benchmarks/cortex/").content.decode()
        assert "Best over time" not in text and "Hushed" not in text
        assert one.get("/api/v1/benchmarks/cortex/best").json() == []


def test_best_of_the_first_day_is_a_table_without_a_picture(client: Client, board: Benchmark) -> None:
    make_scored("today", board, {"V4": 0.4})
    text = client.get("/benchmarks/cortex/").content.decode()
    assert "Best over time" in text and "/models/today/v1/" in text
    assert 'class="chart"' not in text
