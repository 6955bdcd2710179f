"""Models of a board against one another, and its columns against one another: pages, API, and what stays private."""

import re
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from board_rows import make_benchmark, make_run, make_scored
from gyral.scores.association import associations
from gyral.scores.conditional import Redraws
from gyral.scores.difference import compare_models
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_submissions import conf
from gyral_submissions.domain.standing import rank
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db
COMPARE = "/boards/cortex/compare/"
# A difference has a standard error of .01.
VALUES = {"a": {"V1": 0.50, "V4": 0.50}, "b": {"V1": 0.45, "V4": 0.495}, "c": {"V1": 0.55, "V4": 0.30}}


@pytest.fixture
def models(board: Benchmark) -> None:
    for name, values in VALUES.items():
        make_scored(name, board, values, title=f"Network {name}")


@pytest.fixture
def secret(board: Benchmark, models: None, owner: User) -> Submission:
    return make_scored("hush", board, {"V1": 0.9, "V4": 0.9876}, owner=owner, visibility="private", title="Hushed")


def _text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def _api(client: Client, query: str, reference: str = "cortex") -> Any:
    return client.get(f"/api/v1/boards/{reference}/comparison?{query}").json()


def _redraws(name: str, column: int) -> Redraws:
    run = Run.objects.get(submission__name=name, twin="")
    deviations = np.load(conf.runs() / run.record_path / "redraws.npy")[:, [column]].astype(float)
    value = np.array([list(VALUES[name].values())[column]])
    return Redraws(value, value + deviations, 100)


def test_differences_are_those_of_the_paired_redraws(client: Client, models: None) -> None:
    found = _api(client, "model=c&model=a&model=b")
    wanted = compare_models([_redraws(name, 1) for name in "cab"])
    pairs = {(d["model"], d["other"]): d for d in found["differences"] if d["column"] == "V4"}
    for i, j in ((0, 1), (0, 2), (1, 2)):
        got = pairs["cab"[i], "cab"[j]]
        assert got["difference"] == pytest.approx(wanted.difference[i, j])
        assert (got["low"], got["high"]) == pytest.approx((wanted.low[i, j], wanted.high[i, j]), abs=1e-6)
        assert got["p"] == pytest.approx(wanted.p[i, j])
    assert [pairs["cab"[i], "cab"[j]]["verdict"] for i, j in ((0, 1), (1, 2))] == ["worse", "not told apart"]


def test_all_models_of_a_board_are_told_apart_as_its_ranks_say(
    client: Client, board: Benchmark, models: None
) -> None:
    rank(board)
    cells = {(c["model"], c["region"]): c for c in client.get("/boards/cortex/board.json").json()["cells"]}
    found = _api(client, "model=a&model=b&model=c")
    for region in ("V1", "V4"):
        for name in VALUES:
            better = sum(
                d["verdict"] == ("worse" if d["model"] == name else "better")
                for d in found["differences"]
                if d["column"] == region and name in (d["model"], d["other"])
            )
            assert cells[name, region]["rank_best"] == 1 + better


def test_page_holds_values_differences_tally_and_picture(client: Client, models: None) -> None:
    text = _text(client, f"{COMPARE}?model=a&model=b&model=c&against=b")
    for part in ("Network a", "Difference from Network b", "<svg", "0.050", "not told apart", "no ρ: 2 shared"):
        assert part in text
    pair = next(p for p in _api(client, "model=a&model=c")["pairs"])
    assert (pair["better"], pair["tied"], pair["worse"], pair["profile_correlation"]) == (1, 0, 1, None)


def test_profiles_of_five_columns_have_a_correlation(client: Client) -> None:
    wide = make_benchmark("wide", regions=("A", "B", "C", "D", "E"))
    profiles = {"x": [0.1, 0.2, 0.3, 0.4, 0.5], "y": [0.1, 0.3, 0.2, 0.5, 0.4]}
    for name, values in profiles.items():
        make_scored(name, wide, dict(zip("ABCDE", values, strict=True)))
    (pair,) = _api(client, "model=x&model=y", "wide")["pairs"]
    assert (pair["profile_correlation"], pair["profile_columns"]) == (pytest.approx(0.8), 5)
    assert "ρ = 0.80" in _text(client, "/boards/wide/compare/?model=x&model=y")


def test_ticked_rows_of_a_board_lead_to_the_comparison(client: Client, models: None) -> None:
    text = _text(client, "/boards/cortex/?columns=V4&q=network")
    assert re.findall(r'type="checkbox" name="model" value="(\w)" form="compare"', text) == ["a", "b", "c"]
    form = text[text.index('id="compare"') :].partition("</form>")[0]
    assert 'action="/boards/cortex@0/compare/"' in form
    assert '<input type="hidden" name="columns" value="V4">' in form
    query = {"columns": "V4", "q": "network", "model": ["a", "c"]}
    answer = client.get("/boards/cortex@0/compare/", query)
    assert "Network c" in answer.content.decode() and "V1" not in answer.content.decode()


def test_page_of_a_public_model_leads_to_a_comparison_that_asks_for_another(
    client: Client, secret: Submission, as_owner: Client
) -> None:
    text = _text(client, "/models/a/")
    assert 'href="/boards/cortex@0/compare/?model=a"' in text
    assert "Add a model by name" in _text(client, "/boards/cortex@0/compare/?model=a")
    assert "/compare/" not in _text(as_owner, "/models/hush/")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "tick their rows on the board"),
        ("model=a", "tick their rows on the board"),
        ("model=a&model=b&model=<script>", "<code>&lt;script&gt;</code>"),
        ("model=a&model=b&columns=V9", "V9"),
    ],
)
def test_what_cannot_be_compared_is_said(client: Client, models: None, query: str, said: str) -> None:
    text = _text(client, f"{COMPARE}?{query}")
    assert said in text
    assert "<script>" not in text


def test_seventh_model_is_left_out_of_the_page_and_refused_by_the_api(client: Client, board: Benchmark) -> None:
    for n in range(7):
        make_scored(f"m{n}", board, {"V4": 0.1 * n})
    query = "&".join(f"model=m{n}" for n in range(7))
    text = _text(client, f"{COMPARE}?{query}")
    assert "these are the first 6" in text and "/models/m5/" in text and "/models/m6/" not in text
    assert client.get(f"/api/v1/boards/cortex/comparison?{query}").status_code == 422
    assert client.get("/api/v1/boards/cortex/comparison?model=m1").status_code == 422
    assert client.get("/api/v1/boards/cortex/comparison?model=m1&model=m2&columns=V9").status_code == 422


def test_missing_scores_and_records_without_redraws_are_not_compared(
    client: Client, board: Benchmark, models: None
) -> None:
    make_scored("none", board, {"V1": 0.2, "V4": None})
    (conf.runs() / Run.objects.get(submission__name="b").record_path / "redraws.npy").unlink()
    found = _api(client, "model=a&model=b&model=none")
    verdicts = {(d["column"], d["model"], d["other"]): d["verdict"] for d in found["differences"]}
    assert verdicts["V1", "a", "none"] == "better"
    assert {v for k, v in verdicts.items() if k != ("V1", "a", "none")} == {"not compared"}
    assert _text(client, f"{COMPARE}?model=a&model=b&model=none")


def test_private_model_is_not_there_for_others_and_says_nothing_by_any_number(
    client: Client, secret: Submission, owner: User, as_owner: Client
) -> None:
    public = _text(client, f"{COMPARE}?model=a&model=b&model=hush")
    assert "Hushed" not in public and "0.988" not in public
    absent = _text(client, f"{COMPARE}?model=a&model=b&model=gone")
    assert absent == public.replace("hush", "gone")
    answer = client.get("/api/v1/boards/cortex/comparison?model=a&model=hush")
    assert answer.status_code == 404
    assert answer.json() == client.get("/api/v1/boards/cortex/comparison?model=a&model=gone").json() | {
        "detail": answer.json()["detail"]
    }
    for address in ("scatter/", "scatter.svg", "agreement/"):
        assert "Hushed" not in _text(client, f"/boards/cortex/{address}")
    mine = _text(as_owner, f"{COMPARE}?model=a&model=hush")
    assert "Hushed" in mine and "private" in mine
    _, token = create_token(owner, "test", Scope.READ)
    own = Client(headers={"authorization": f"Bearer {token}"})
    assert _api(own, "model=a&model=hush")["models"][1]["model"] == "hush"
    # What its owner sees is kept for nobody else.
    assert _text(client, f"{COMPARE}?model=a&model=b&model=hush") == public


def test_private_score_moves_no_tag(client: Client, board: Benchmark, secret: Submission) -> None:
    addresses = [f"{COMPARE}?model=a&model=b", "/boards/cortex/agreement/", "/boards/cortex/scatter/"]
    addresses += ["/api/v1/boards/cortex/comparison?model=a&model=b", "/api/v1/boards/cortex/agreement"]
    before = [client.get(a)["ETag"] for a in addresses]
    make_run(secret, board, {"V1": 0.1, "V4": 0.2})
    assert [client.get(a)["ETag"] for a in addresses] == before


def test_comparison_of_an_earlier_day_has_no_later_model(client: Client, models: None) -> None:
    assert "Not on this board" in _text(client, f"{COMPARE}?model=a&model=b&on=2001-01-01")


@pytest.mark.parametrize("count", [2, 6])
def test_queries_do_not_grow_with_models_and_columns(
    client: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    boards = [make_benchmark(f"data{n}", regions=("R1", "R2")) for n in range(count)]
    for n in range(count):
        for k, one in enumerate(boards):
            values = {"R1": 0.1 * n, "R2": 0.2}
            if k == 0:
                made = make_scored(f"m{n}", one, values)
            else:
                make_run(made, one, values)
    client.get("/boards/all/")
    query = "&".join(f"model=m{n}" for n in range(count))
    with django_assert_num_queries(6):
        client.get(f"/boards/all/compare/?{query}")


def test_columns_that_share_five_models_have_a_correlation_and_others_none(
    client: Client, board: Benchmark
) -> None:
    words = make_benchmark("words", modality="language", regions=("network",))
    rng = np.random.default_rng(0)
    table = rng.uniform(0.1, 0.6, (6, 2)).round(3)
    for n, (first, second) in enumerate(table.tolist()):
        made = make_scored(f"m{n}", board, {"V1": first, "V4": second})
        if n < 4:
            make_run(made, words, {"network": first})
    wanted = associations(table)
    (pair,) = client.get("/api/v1/boards/cortex/agreement").json()["pairs"]
    assert (pair["correlation"], pair["low"], pair["high"], pair["shared"]) == (
        pytest.approx(wanted.value[0, 1]),
        pytest.approx(wanted.low[0, 1]),
        pytest.approx(wanted.high[0, 1]),
        6,
    )
    both = client.get("/api/v1/boards/all/agreement").json()
    assert both["columns"] == ["cortex@0/V4", "words@0/network"]
    assert [(p["correlation"], p["shared"]) for p in both["pairs"]] == [(None, 4)]
    assert "4 shared" in _text(client, "/boards/all/agreement/")


def test_agreement_is_over_public_models_for_their_owner_too(
    secret: Submission, client: Client, as_owner: Client
) -> None:
    for n in range(3):
        make_scored(f"more{n}", Benchmark.objects.get(), {"V1": 0.1 + n / 10, "V4": 0.2})
    assert "6 models" in _text(client, "/boards/cortex/agreement/")
    assert "6 models" in _text(as_owner, "/boards/cortex/agreement/")


@pytest.mark.parametrize("address", ["/boards/all/agreement/", "/boards/vision/compare/", "/boards/all/scatter/"])
def test_pages_of_an_empty_board_say_so(client: Client, db: None, address: str) -> None:
    assert "note" in _text(client, address)
