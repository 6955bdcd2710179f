"""Pages of people and teams: only for those who want one, and only of what everybody sees."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from board_rows import make_run, make_scored, make_submission
from gyral_portal.leaderboard.models import Person
from gyral_submissions.models import Benchmark

pytestmark = pytest.mark.django_db
FIELDS = {"handle": "ada-l", "name": "Ada L.", "affiliation": "A laboratory", "url": "https://example.org/ada"}


@pytest.fixture
def models(board: Benchmark, owner: User) -> None:
    """Two versions of one public model, a private and an unlisted one, and somebody else's."""
    make_scored("net", board, {"V4": 0.3}, owner=owner, title="Net of Ada")
    make_scored("net", board, {"V4": 0.3}, owner=owner, version=2, title="Net of Ada")
    make_scored("hush", board, {"V4": 0.3}, owner=owner, visibility="private", title="Unspeakable")
    make_scored("hint", board, {"V4": 0.3}, owner=owner, visibility="unlisted", title="Unlisted net")
    make_scored("other", board, {"V4": 0.3}, title="Of the catalogue")


def test_nobody_is_named_unless_they_want_to(client: Client, as_owner: Client, models: None) -> None:
    assert "Nobody yet." in client.get("/people/").content.decode()
    assert "/people/" not in client.get("/models/net/").content.decode().split("<footer")[0]
    # As a word: an identifier of a run may hold these letters.
    assert not re.search(r"\bada\b", client.get("/models/net/").content.decode())
    assert "Show the page to everybody" in as_owner.get("/account/person/").content.decode()


def test_page_holds_the_public_models_of_its_person(client: Client, as_owner: Client, models: None) -> None:
    assert as_owner.post("/account/person/", FIELDS)["Location"] == "/people/ada-l/"
    for viewer in (client, as_owner):
        text = viewer.get("/people/ada-l/").content.decode()
        assert "Net of Ada" in text and "version 2" in text and "1 public model," in text
        assert 'href="https://example.org/ada" rel="nofollow ugc noopener"' in text
        for hidden in ("Unspeakable", "Unlisted net", "Of the catalogue", "ada@example.org"):
            assert hidden not in text
    assert '<td class="number">1</td>' in client.get("/people/").content.decode()
    assert 'by <a href="/people/ada-l/">Ada L.</a>' in client.get("/models/net/").content.decode()
    assert "/people/ada-l/" not in client.get("/models/other/").content.decode()
    # A private model does not say whose it is, even to operators.
    assert "/people/ada-l/" not in as_owner.get("/models/hush/").content.decode()


def test_api_says_of_people_what_pages_do(client: Client, as_owner: Client, models: None) -> None:
    assert client.get("/api/v1/people").json() == {"items": [], "count": 0}
    as_owner.post("/account/person/", FIELDS)
    said = {**FIELDS, "words": ""}
    assert client.get("/api/v1/people").json()["items"] == [said | {"models": 1}]
    net = {"model": "net", "version": 2, "title": "Net of Ada", "benchmarks": 1}
    assert client.get("/api/v1/people/ada-l").json() == said | {"models": [net]}
    missing = client.get("/api/v1/people/nobody-here")
    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")


def test_page_is_changed_and_removed_by_its_owner(client: Client, as_owner: Client, models: None) -> None:
    as_owner.post("/account/person/", FIELDS)
    as_owner.post("/account/person/", FIELDS | {"name": "Ada and friends", "handle": "team-ada"})
    assert client.get("/people/ada-l/").status_code == 404
    assert "Ada and friends" in client.get("/people/team-ada/").content.decode()
    as_owner.post("/account/person/", {"remove": "1"})
    assert client.get("/people/team-ada/").status_code == 404
    assert not Person.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"handle": "No!"}, "handle"),
        ({"handle": ""}, "handle"),
        ({"name": ""}, "name"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"handle": "taken"}, "handle"),
    ],
)
def test_mistakes_stand_beside_their_field(
    as_owner: Client, stranger: User, changes: dict[str, str], field: str
) -> None:
    Person.objects.create(owner=stranger, handle="taken", name="Bob")
    response = as_owner.post("/account/person/", FIELDS | changes)
    assert response.status_code == 400
    assert list(response.context["form"].errors) == [field]
    assert not Person.objects.filter(handle="ada-l").exists()


def test_what_people_say_is_text(client: Client, as_owner: Client) -> None:
    as_owner.post("/account/person/", FIELDS | {"name": "<b>Ada</b>", "words": "<script>1</script>"})
    text = client.get("/people/ada-l/").content.decode()
    assert "&lt;b&gt;Ada&lt;/b&gt;" in text and "<script>1" not in text


@pytest.mark.parametrize("count", [1, 3])
def test_lists_take_a_fixed_number_of_queries(
    client: Client,
    board: Benchmark,
    owner: User,
    stranger: User,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for n in range(count):
        make_run(make_submission(f"net{n}", owner=owner), board, {"V4": 0.1})
    Person.objects.create(owner=owner, handle="ada-l", name="Ada L.")
    if count > 1:
        make_submission("bobs", owner=stranger)
        Person.objects.create(owner=stranger, handle="bob", name="Bob")
    client.get("/people/")
    with django_assert_num_queries(1):
        client.get("/people/")
    with django_assert_num_queries(2):
        client.get("/people/ada-l/")


def test_regions_have_their_titles_where_they_stand_for_a_benchmark(client: Client, board: Benchmark) -> None:
    regions = [{**r, "title": f"area {r['name']}"} for r in board.regions]
    Benchmark.objects.filter(pk=board.pk).update(regions=regions)
    found = make_scored("net", board, {"V1": 0.2, "V4": 0.3})
    assert "Best in <strong>area V4</strong>" in client.get("/").content.decode()
    assert "area V4: Pearson r" in client.get("/feed/").content.decode()
    assert '<th scope="col" class="number">area V4</th>' in client.get("/models/net/").content.decode()
    assert '<th scope="row">area V4</th>' in client.get(f"/records/{found.runs.get().pk}/").content.decode()
    assert "<dd>area V4 <small>" in client.get("/benchmarks/cortex/").content.decode()
