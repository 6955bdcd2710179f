"""The board's page and its exports."""

import csv
import io
import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from board_rows import make_benchmark, make_run, make_scored
from gyral_submissions.domain.standing import rank
from gyral_submissions.models import Benchmark

pytestmark = pytest.mark.django_db


def _address(board: Benchmark, query: str = "") -> str:
    return reverse("leaderboard:board", args=[board.identifier]) + query


def test_board_shows_value_interval_ceiling_rank_and_twin(client: Client, board: Benchmark) -> None:
    make_scored("net", board, {"V1": 0.3, "V4": 0.5}, {"V1": 0.2, "V4": 0.35})
    rank(board)
    text = client.get(_address(board)).content.decode()
    for part in ("0.500", "0.480 to 0.520", "rank 1", "42 % of ceiling, 46 of 50 units", "twin 0.350 ± 0.012"):
        assert part in text


def test_board_shows_a_dash_for_missing_and_no_twin_for_floors(client: Client, board: Benchmark) -> None:
    make_scored("pixels", board, {"V1": 0.1}, has_twin=False)
    text = client.get(_address(board)).content.decode()
    assert '<td class="cell missing">–</td>' in text
    assert "no twin" in text


def test_board_hides_twins_when_told(client: Client, board: Benchmark) -> None:
    make_scored("net", board, {"V4": 0.5}, {"V4": 0.35})
    assert "twin 0.35" not in client.get(_address(board, "?twins=0")).content.decode()


def test_board_says_simulated(client: Client) -> None:
    board = make_benchmark("sim", simulated=True)
    assert "simulated" in client.get(_address(board)).content.decode()


def test_title_does_not_say_simulated_beside_the_badge(client: Client, board: Benchmark) -> None:
    regions = [{"name": "V4", "title": "ventral V4 (simulated)", "path": ["V4"], "n_units": 5}]
    sim = make_benchmark("sim", simulated=True)
    Benchmark.objects.filter(pk=sim.pk).update(regions=regions)
    make_run(make_scored("net", board, {"V4": 0.5}), sim, {"V4": 0.4})
    for address in ("/boards/all/", "/boards/all/?pick=1", "/boards/sim/"):
        text = client.get(address).content.decode()
        assert "ventral V4" in text and "(simulated)" not in text and "simulated</span>" in text


def test_links_stand_in_one_closed_box_and_the_comparison_below_the_table(
    client: Client, board: Benchmark
) -> None:
    make_scored("net", board, {"V4": 0.5}, {"V4": 0.1})
    text = client.get(_address(board)).content.decode()
    before, after = text.split("</table>")
    box = before[before.index('<details class="tools">') :]
    for name in ("board.csv", "Link to this view as of today", "Choose columns and weights"):
        assert name in box[: box.index("</details>")]
    assert "Compare ticked models" in after and "none where the interval reaches zero or below" in after
    assert '<details class="tools" open>' in client.get(_address(board, "?pick=1")).content.decode()


def test_two_filters_of_twins_have_words_of_their_own(client: Client, board: Benchmark) -> None:
    make_scored("net", board, {"V4": 0.5}, {"V4": 0.1})
    make_scored("floor", board, {"V4": 0.5}, has_twin=False)
    text = client.get(_address(board)).content.decode()
    assert "Models by untrained twin</label>" in text and "with a scored twin (1)" in text
    assert "Twins’ values in cells</label>" in text


def test_board_marks_sorted_column_and_keeps_state_in_links(client: Client, board: Benchmark) -> None:
    make_scored("net", board, {"V1": 0.3, "V4": 0.5})
    text = client.get(_address(board, "?q=net&sort=V1&order=down")).content.decode()
    assert 'aria-sort="descending"' in text
    assert "sort=V1&amp;order=up&amp;q=net" in text


def test_private_models_have_no_rank_and_move_nobodys(
    client: Client, as_owner: Client, board: Benchmark, owner: User
) -> None:
    make_scored("net", board, {"V4": 0.3})
    make_scored("mine", board, {"V4": 0.6}, owner=owner, visibility="private")
    rank(board)
    cells = as_owner.get("/boards/cortex/board.json").json()["cells"]
    ranks = {c["model"]: (c["rank_best"], c["rank_worst"]) for c in cells}
    assert ranks == {"mine": (None, None), "net": (1, 1)}
    assert "private: no rank" in as_owner.get(_address(board)).content.decode()
    (public,) = client.get("/boards/cortex/board.json").json()["cells"]
    assert public == next(c for c in cells if c["model"] == "net")


@pytest.mark.parametrize("reference", ["none", "cortex@7", "cortex@x", "cortex@99999999999999999999"])
def test_board_unknown_is_404(client: Client, board: Benchmark, reference: str) -> None:
    assert client.get(f"/boards/{reference}/").status_code == 404


def test_board_name_without_version_is_the_newest(client: Client, board: Benchmark) -> None:
    make_benchmark("cortex", 1, title="Newer cortex")
    assert "Newer cortex" in client.get("/boards/cortex/").content.decode()


def test_exports_are_what_is_seen(client: Client, board: Benchmark) -> None:
    make_scored("one", board, {"V1": 0.3, "V4": 0.5}, {"V4": 0.35})
    make_scored("two", board, {"V4": None})
    make_scored("other", board, {"V4": 0.1})
    rank(board)
    query = "?sort=V4&order=up&q=o&twins=1"
    base = f"/boards/{board.identifier}/board"
    rows = list(csv.DictReader(io.StringIO(client.get(f"{base}.csv{query}").content.decode())))
    cells = json.loads(client.get(f"{base}.json{query}").content)["cells"]
    page = client.get(_address(board, query)).content.decode()
    order = [c["model"] for c in cells if c["region"] == "V4"]
    assert order == ["other", "one", "two"]
    assert [r["model"] for r in rows if r["region"] == "V4"] == order
    places = [page.index(f">{name}</a>") for name in order]
    assert places == sorted(places)
    first = next(c for c in cells if c["model"] == "one" and c["region"] == "V4")
    assert (first["value"], first["twin"], first["rank_best"]) == (0.5, 0.35, 1)
    assert (first["n_ceiled"], first["n_units"]) == (46, 50)
    assert rows[-1]["n_ceiled"] == "46"
    assert next(r for r in rows if r["model"] == "two")["value"] == ""


def test_exports_follow_filters_and_hidden_twins(client: Client, board: Benchmark) -> None:
    make_scored("one", board, {"V4": 0.5}, {"V4": 0.35})
    make_scored("two", board, {"V4": 0.4})
    cells = json.loads(client.get("/boards/cortex/board.json?q=one&twins=0").content)["cells"]
    assert [(c["model"], c["twin"]) for c in cells] == [("one", None)]


def test_csv_defuses_formulas(client: Client, board: Benchmark) -> None:
    make_scored("net", board, {"V4": 0.5}, title="=cmd|' /C calc'!A0")
    text = client.get("/boards/cortex/board.csv").content.decode()
    assert "'=cmd" in text


def test_export_of_another_kind_is_404(client: Client, board: Benchmark) -> None:
    assert client.get("/boards/cortex/board.exe").status_code == 404


def test_page_escapes_what_people_type(client: Client, board: Benchmark) -> None:
    make_scored("net", board, {"V4": 0.5}, title="<script>alert(1)</script>")
    text = client.get(_address(board)).content.decode()
    assert "<script>alert" not in text


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/boards/",
        "/boards/cortex/",
        "/boards/cortex/board.csv",
        "/models/",
        "/models/net0/",
        "/benchmarks/",
        "/benchmarks/cortex/",
        "/api/v1/boards/cortex",
        "/api/v1/models",
        "/api/v1/runs",
        "/api/v1/benchmarks",
    ],
)
def test_pages_take_as_many_queries_for_three_models_as_for_one(
    client: Client,
    board: Benchmark,
    owner: User,
    address: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    make_scored("net0", board, {"V1": 0.3, "V4": 0.5}, {"V4": 0.35}, owner=owner)
    client.get("/reading/")  # reads what every page says, which is kept for a while
    with django_assert_max_num_queries(20) as one:
        assert client.get(address).status_code == 200
    for name in ("net1", "net2"):
        make_scored(name, board, {"V1": 0.3, "V4": 0.4}, {"V4": 0.35}, owner=owner)
    with django_assert_max_num_queries(20) as three:
        client.get(address)
    assert len(three) == len(one)


@pytest.mark.parametrize("address", ["/submissions/", "/submissions/{pk}/"])
def test_own_pages_take_as_many_queries_for_three_as_for_one(
    as_owner: Client,
    board: Benchmark,
    owner: User,
    address: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    first = make_scored("net0", board, {"V4": 0.5}, {"V4": 0.35}, owner=owner)
    address = address.format(pk=first.pk)
    as_owner.get("/reading/")
    with django_assert_max_num_queries(20) as one:
        assert as_owner.get(address).status_code == 200
    for n in (1, 2):
        make_scored(f"net{n}", board, {"V4": 0.4}, owner=owner)
        other = make_benchmark(f"more{n}")
        make_run(first, other, {"V4": 0.2})
    with django_assert_max_num_queries(20) as three:
        as_owner.get(address)
    assert len(three) == len(one)


def test_record_shows_regions_first_and_every_row_on_demand(client: Client, board: Benchmark) -> None:
    run = make_scored("net", board, {"V1": 0.3, "V4": 0.5}).runs.get()
    text = client.get(f"/records/{run.pk}/").content.decode()
    first, _, rest = text.partition("<summary>All 6 rows")
    assert first.count("<strong>chosen</strong>") == 2 and "<td><code>block.1</code>" not in first
    assert rest.count("<code>block.1</code>") == 2 and "<strong>chosen</strong>" not in rest
    tables = text.split("<table")
    assert all(part.rstrip().endswith(">") and 'class="scroll"' in part[-200:] for part in tables[:-1]), (
        "a table wider than a phone scrolls by itself"
    )


def test_benchmark_page_says_things_in_words_and_its_window(client: Client, board: Benchmark) -> None:
    board.about |= {"times": [-0.1, 0.4], "window": [0.05, 0.3]}
    board.save()
    text = client.get("/benchmarks/cortex/").content.decode()
    for part in (
        "5 parts of consecutive stimuli, each held out in turn",
        "what repeats of a stimulus share",
        "ridge regression from a model’s layers to each unit",
        "−100 ms to 400 ms after the stimulus appears",
        "over all times from 50 ms to 300 ms",
    ):
        assert part in text
