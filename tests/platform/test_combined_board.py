"""A board of several benchmarks: its page, links, files and API; what private models must not tell."""

import csv
import gzip
import io
import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pyarrow import parquet
from pytest_django import DjangoAssertNumQueries

from board_rows import make_benchmark, make_run, make_scored, make_submission
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_submissions.domain.submission import set_visibility, withdraw
from gyral_submissions.enums import Visibility
from gyral_submissions.models import Benchmark, Submission

pytestmark = pytest.mark.django_db
FILES = ("board.csv", "board.json", "board.parquet", "board.bib")


@pytest.fixture
def words(db: None) -> Benchmark:
    return make_benchmark("words", modality="language", regions=("network",))


@pytest.fixture
def models(board: Benchmark, words: Benchmark) -> None:
    for n in range(3):
        made = make_scored(f"net{n}", board, {"V1": 0.1 * n, "V4": 0.2 * n}, {"V4": 0.05}, title=f"Network {n}")
        if n:
            make_run(made, words, {"network": 0.3 - 0.1 * n})


def _text(client: Client, address: str) -> str:
    return client.get(address).content.decode()


@pytest.mark.parametrize("reference", ["all", "cortex@0+words@0", "cortex+words"])
def test_board_shows_benchmarks_side_by_side(client: Client, models: None, reference: str) -> None:
    text = _text(client, f"/boards/{reference}/")
    for part in ("Vision", "Language", "Network 2", "V4", "network", "0.400"):
        assert part in text


def test_board_of_a_modality_holds_its_newest_versions(client: Client, models: None, board: Benchmark) -> None:
    newer = make_benchmark("cortex", 1)
    make_run(make_submission("late"), newer, {"V4": 0.7})
    payload = client.get("/boards/vision/board.json").json()
    assert payload["benchmarks"] == ["cortex@1"]
    assert [m["model"] for m in payload["models"]] == ["late"]


@pytest.mark.parametrize("reference", ["all", "vision"])
def test_board_without_benchmarks_says_so(client: Client, db: None, reference: str) -> None:
    answer = client.get(f"/boards/{reference}/")
    assert answer.status_code == 200
    assert "no benchmark of this kind" in answer.content.decode()


@pytest.mark.parametrize("reference", ["cortex+none", "+", "cortex@0+", "cortex@0+words@3"])
def test_board_of_something_unknown_is_404(client: Client, models: None, reference: str) -> None:
    assert client.get(f"/boards/{reference}/").status_code == 404


def test_picker_leads_to_an_address_of_its_own(client: Client, models: None) -> None:
    query = "picked=1&col=cortex@0/V4&col=words@0/network&w.cortex@0/V4=2&w.words@0/network=&q=net"
    answer = client.get(f"/boards/all/?{query}")
    assert answer.status_code == 302
    assert answer["Location"] == "/boards/all/?q=net&columns=cortex@0/V4,words@0/network&weights=cortex@0/V4:2"
    everything = "&".join(f"col={key}" for key in ("cortex@0/V1", "cortex@0/V4", "words@0/network"))
    assert client.get(f"/boards/all/?picked=1&{everything}")["Location"] == "/boards/all/"


def test_mean_stands_in_page_and_files(client: Client, models: None) -> None:
    text = _text(client, "/boards/all/?mean=1")
    assert "2 of 3" in text, "net0 lacks a column, and has no mean"
    payload = client.get("/boards/all/board.json?mean=1").json()
    assert payload["models"][-1] == {
        "model": "net0",
        "version": 1,
        "title": "Network 0",
        "mean": None,
        "mean_has": 2,
        "mean_of": 3,
    }
    assert payload["models"][0]["mean"] == pytest.approx((0.2 + 0.4 + 0.1) / 3)


@pytest.fixture
def made_up(models: None) -> Benchmark:
    """A simulated board, and one of another metric, with scores of the same models."""
    simulated = make_benchmark("made-up", simulated=True, regions=("V4",))
    judged = make_benchmark("judged", task="triplets", metric="triplet-cosine", regions=("V4",))
    for n in (1, 2):
        submission = Submission.objects.get(name=f"net{n}")
        make_run(submission, simulated, {"V4": 0.9})
        make_run(submission, judged, {"V4": 0.6})
    return simulated


def test_mean_counts_recorded_data_of_one_metric(client: Client, made_up: Benchmark) -> None:
    payload = client.get("/boards/all/board.json?mean=1").json()
    assert payload["mean_of"] == {
        "columns": ["cortex@0/V1", "cortex@0/V4", "words@0/network"],
        "metrics": ["pearson"],
        "simulated": 0,
        "simulated_left": 1,
        "metrics_left": 1,
    }
    assert payload["models"][0]["mean"] == pytest.approx((0.2 + 0.4 + 0.1) / 3)
    text = _text(client, "/boards/all/?mean=1")
    assert "Pearson r, 3 columns" in text
    assert "1 column of simulated data not counted" in text
    assert "1 column of other metrics not counted" in text


def test_weights_bring_unlike_columns_together_and_it_is_said(client: Client, made_up: Benchmark) -> None:
    query = "?open=vision,cortex,made-up,judged&weights=cortex@0/V4:1,made-up@0/V4:1,judged@0/V4:2"
    payload = client.get(f"/boards/all/board.json{query}").json()
    assert payload["models"][0]["mean"] == pytest.approx((0.4 + 0.9 + 2 * 0.6) / 4)
    assert (payload["mean_of"]["simulated"], payload["mean_of"]["metrics"]) == (1, ["pearson", "triplet-cosine"])
    assert payload["simulated_columns"] == ["made-up@0/V4"]
    cell = payload["cells"][0]
    assert (cell["mean_metrics"], cell["mean_simulated"]) == ("pearson triplet-cosine", 1)
    text = _text(client, f"/boards/all/{query}")
    assert "Its metrics are not alike" in text
    assert "1 of 3 of its columns are of simulated data" in text


def test_mean_of_simulated_columns_alone_is_marked(client: Client, made_up: Benchmark) -> None:
    payload = client.get("/boards/made-up/board.json?mean=1").json()
    assert (payload["mean_of"]["simulated"], payload["mean_of"]["simulated_left"]) == (1, 0)
    assert "All of its columns are of simulated data" in _text(client, "/boards/made-up/?mean=1")


def test_board_says_what_of_its_address_it_does_not_understand(client: Client, models: None) -> None:
    query = "?sort=cortex@0/V44&weights=cortex@0/V1:x&family=Absent&on=soon"
    text = _text(client, f"/boards/all/{query}")
    for part in ("cortex@0/V4&#x27;", "is no number above 0", "No model here has &#x27;Absent&#x27;", "is no day"):
        assert part in text
    assert len(client.get(f"/boards/all/board.json{query}").json()["not_understood"]) == 4
    assert client.get("/boards/all/board.json").json()["not_understood"] == []
    first, second = (client.get(f"/boards/all/?sort={key}")["ETag"] for key in ("nope", "nada"))
    assert first != second, "what is kept for one address must not be told to another"


def test_files_and_api_hold_the_same_cells(client: Client, models: None) -> None:
    query = "?open=vision,cortex,language&sort=cortex@0/V1&mean=1"
    payload = client.get(f"/boards/all/board.json{query}").json()
    cells = payload["cells"]
    assert client.get(f"/api/v1/boards/all{query}").json() == payload
    table = parquet.read_table(io.BytesIO(client.get(f"/boards/all/board.parquet{query}").content))
    assert table.to_pylist() == cells
    rows = list(csv.DictReader(io.StringIO(_text(client, f"/boards/all/board.csv{query}"))))
    assert [(r["model"], r["region"], float(r["value"])) for r in rows] == [
        (c["model"], c["region"], c["value"]) for c in cells
    ]
    assert [c["region"] for c in cells] == ["V1", "V4", "network"] * 2 + ["V1", "V4"]


def test_parquet_of_nothing_has_its_types(client: Client, models: None) -> None:
    table = parquet.read_table(io.BytesIO(client.get("/boards/all/board.parquet?q=absent").content))
    assert table.num_rows == 0
    assert str(table.schema.field("rank_best").type) == "int64"


def test_bibtex_names_board_data_and_models_and_cannot_be_broken_out_of(
    client: Client, models: None, owner: User
) -> None:
    card = {"paper": "https://example.org/x}\n@misc{evil, title={"}
    make_scored("odd", Benchmark.objects.get(name="cortex"), {"V4": 0.1}, owner=owner, card=card, title="A & B_1")
    text = _text(client, "/boards/all/board.bib")
    assert text.count("\n@misc{") + text.startswith("@misc{") == 4, "board, two datasets, one model"
    assert r"A \& B\_1" in text
    assert "Authors of a dataset (2020)" in text


def test_every_page_can_be_had_in_one_file_unless_it_is_too_large(
    client: Client, models: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gyral_portal.leaderboard.table.ROWS", 2)
    assert len(client.get("/boards/cortex/board.json").json()["models"]) == 2
    assert len(client.get("/boards/cortex/board.json?page=all").json()["models"]) == 3
    monkeypatch.setattr("gyral_portal.leaderboard.export.MOST_CELLS", 3)
    assert client.get("/boards/cortex/board.json?page=all&q=x").status_code == 200
    assert client.get("/boards/cortex/board.json?page=all&twins=0").status_code == 404


@pytest.mark.parametrize(
    "address", ["/boards/all/", "/boards/cortex/", *(f"/boards/all/{kind}" for kind in FILES)]
)
def test_answers_are_tagged_packed_and_not_sent_again(client: Client, models: None, address: str) -> None:
    plain = client.get(address)
    packed = client.get(address, headers={"accept-encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    again = client.get(address, headers={"if-none-match": plain["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", plain["ETag"])
    make_scored("newer", Benchmark.objects.get(name="cortex"), {"V4": 0.3})
    assert client.get(address, headers={"if-none-match": plain["ETag"]}).status_code == 200


def test_known_page_takes_one_query_and_an_unchanged_board_three(
    client: Client, models: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.get("/boards/all/")
    with django_assert_num_queries(1):
        client.get("/boards/all/")
    with django_assert_num_queries(3):
        client.get("/boards/all/?sort=cortex@0/V1")


@pytest.mark.parametrize("more", [1, 4])
def test_queries_do_not_grow_with_models_benchmarks_or_columns(
    client: Client, models: None, more: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(more):
        other = make_benchmark(f"other{n}", regions=[f"R{r}" for r in range(n + 1)])
        for m in range(more):
            make_run(make_submission(f"more{n}-{m}"), other, {"R0": 0.1 * m})
    client.get("/boards/all/")
    with django_assert_num_queries(3):
        client.get("/boards/all/?open=vision,language,other0,cortex&mean=1&q=net&page=1")


@pytest.mark.parametrize("address", ["/", "/boards/"])
def test_overviews_take_as_many_queries_for_five_boards_as_for_two(
    client: Client, models: None, address: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.get(address)
    with django_assert_num_queries(1):  # the page is kept until a board changes
        client.get(address)
    for n in range(3):
        make_run(make_submission(f"more{n}"), make_benchmark(f"other{n}"), {"V4": 0.1})
    client.get(address)
    with django_assert_num_queries(1):
        client.get(address)


def test_change_of_visibility_shows_at_once_in_every_process(client: Client, models: None, owner: User) -> None:
    mine = make_scored("mine", Benchmark.objects.get(name="cortex"), {"V4": 0.5}, owner=owner, title="Fresh thing")
    assert "Fresh thing" in _text(client, "/boards/all/")
    set_visibility(mine, Visibility.PRIVATE)
    assert "Fresh thing" not in _text(client, "/boards/all/")
    set_visibility(mine, Visibility.PUBLIC)
    assert "Fresh thing" in _text(client, "/boards/all/")
    withdraw(mine)
    assert "Fresh thing" not in _text(client, "/boards/all/")


def test_deleting_a_person_takes_their_models_off(client: Client, models: None, owner: User) -> None:
    make_scored("mine", Benchmark.objects.get(name="cortex"), {"V4": 0.5}, owner=owner, title="Fresh thing")
    assert "4 of 4 models" in _text(client, "/boards/cortex/")
    owner.delete()
    assert "3 of 3 models" in _text(client, "/boards/cortex/")


def test_hidden_behind_the_editions_back_shows_no_number(client: Client, models: None) -> None:
    """Nobody should change rows so; should somebody, no cell may show what was hidden."""
    client.get("/boards/cortex/?sort=V1")
    Submission.objects.filter(name="net2").update(visibility=Visibility.PRIVATE)
    assert "0.400" not in _text(client, "/boards/cortex/?sort=V1&twins=0")


ADDRESSES = [
    "/",
    "/boards/",
    *(
        f"/boards/all/{query}"
        for query in ("", "?mean=1", "?q=hush", "?family=Secretive", "?on=2030-01-01", "?pick=1")
    ),
    *(f"/boards/cortex/{query}" for query in ("", "?sort=V1&order=up", "?tier=verified", "?open=vision")),
    *(f"/boards/all/{kind}?page=all" for kind in FILES),
    *(f"/boards/cortex/{kind}" for kind in FILES),
    "/api/v1/boards/all",
    "/api/v1/boards/cortex?mean=1",
]


def _answers(client: Client) -> dict[str, tuple[str, bytes]]:
    return {address: _stable(client.get(address)) for address in ADDRESSES}


def _stable(answer: Any) -> tuple[str, bytes]:
    assert answer.status_code == 200
    return answer.headers.get("ETag", ""), answer.content


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.UNLISTED])
@pytest.mark.parametrize("role", ["nobody", "stranger"])
def test_private_model_changes_not_one_byte_for_others(
    role: str,
    visibility: Visibility,
    models: None,
    owner: User,
    stranger: User,
    board: Benchmark,
    words: Benchmark,
) -> None:
    """Names, scores, counts, filters, means, order, entity tags: all as if it did not exist."""

    def visit() -> dict[str, tuple[str, bytes]]:
        client = Client()
        if role == "stranger":
            client.force_login(stranger)
        return {address: (tag, _without_csrf(body)) for address, (tag, body) in _answers(client).items()}

    def _without_csrf(body: bytes) -> bytes:
        return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]+"', b"", body)

    def tags_count(answers: dict[str, tuple[str, bytes]]) -> dict[str, Any]:
        # A page for somebody who is logged in holds a token of its own in each answer, and so has another tag.
        return {a: (tag if role == "nobody" else "", body) for a, (tag, body) in answers.items()}

    before = tags_count(visit())
    card = {"family": "Secretive", "parameters": 5, "licence": "Odd", "training_datasets": ["imagenet-1k"]}
    hidden = make_scored("hush", board, {"V1": 0.9, "V4": 0.9}, owner=owner, visibility=visibility, card=card)
    make_run(hidden, words, {"network": 0.9})
    make_run(hidden, board, {"V4": 0.1}, twin="untrained")
    assert tags_count(visit()) == before
    set_visibility(hidden, Visibility.UNLISTED)
    set_visibility(hidden, Visibility.PRIVATE)
    withdraw(hidden)
    assert tags_count(visit()) == before


def test_private_model_stands_for_its_owner_and_operators_alone(
    models: None, owner: User, stranger: User, operator: User, board: Benchmark
) -> None:
    make_scored("hush", board, {"V1": 0.9, "V4": 0.9}, owner=owner, visibility="private")
    seen = {}
    for name, person in (("nobody", None), ("stranger", stranger), ("owner", owner), ("operator", operator)):
        client, headers = Client(), {}
        if person is not None:
            client.force_login(person)
            headers = {"authorization": f"Bearer {create_token(person, 'test', Scope.READ)[1]}"}
        page = "hush" in _text(client, "/boards/all/")
        files = all(b"hush" in client.get(f"/boards/all/{kind}").content for kind in ("board.csv", "board.json"))
        api = b"hush" in Client().get("/api/v1/boards/all", headers=headers).content
        assert page == files == api
        seen[name] = page
    assert seen == {"nobody": False, "stranger": False, "owner": True, "operator": True}


def test_answer_for_somebody_is_never_kept_for_everybody(models: None, owner: User, board: Benchmark) -> None:
    make_scored("hush", board, {"V1": 0.9, "V4": 0.9}, owner=owner, visibility="private")
    mine = Client()
    mine.force_login(owner)
    answer = mine.get("/boards/all/")
    assert "private" in answer["Cache-Control"]
    assert "Cookie" in answer["Vary"]
    other = Client().get("/boards/all/")
    assert b"hush" not in other.content
    assert "public" in other["Cache-Control"]
    assert other["ETag"] != answer["ETag"]


def test_newer_private_version_stands_for_its_owner_and_the_public_one_for_others(
    client: Client, as_owner: Client, board: Benchmark, owner: User
) -> None:
    make_scored("net", board, {"V4": 0.2}, owner=owner)
    make_scored("net", board, {"V4": 0.4}, owner=owner, version=2, visibility="private")
    for who, versions in ((client, [1]), (as_owner, [2])):
        found = json.loads(who.get("/boards/cortex/board.json").content)["models"]
        assert [m["version"] for m in found] == versions
