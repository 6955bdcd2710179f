"""The front page: what it counts and promises; and how to read a board."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from board_rows import make_run, make_scored, make_submission
from gyral_submissions.models import Benchmark

pytestmark = pytest.mark.django_db


def test_front_counts_names_that_everybody_finds_on_a_board(
    as_owner: Client, board: Benchmark, owner: User
) -> None:
    make_scored("net", board, {"V4": 0.3}, owner=owner)
    make_scored("net", board, {"V4": 0.3}, owner=owner, version=2)
    make_scored("hidden", board, {"V4": 0.3}, owner=owner, visibility="private")
    make_run(make_submission("queued", owner=owner), board)
    assert "1 model on 1 benchmark<" in as_owner.get("/").content.decode()


@pytest.mark.parametrize("address", ["/", "/boards/"])
def test_overviews_are_kept_until_a_board_changes(
    client: Client, as_owner: Client, board: Benchmark, owner: User, address: str
) -> None:
    make_scored("net", board, {"V4": 0.3}, owner=owner, title="First net")
    tag = client.get(address)["ETag"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    make_scored("hush", board, {"V4": 0.5}, owner=owner, title="Unspeakable", visibility="private")
    assert client.get(address)["ETag"] == tag
    assert "Unspeakable" in as_owner.get(address).content.decode()
    assert "Unspeakable" not in client.get(address).content.decode()
    make_scored("better", board, {"V4": 0.4}, owner=owner, title="Second net")
    again = client.get(address)
    assert again["ETag"] != tag and "Second net" in again.content.decode()
    Benchmark.objects.update(retired=True)
    assert "Second net" not in client.get(address).content.decode()


@pytest.mark.parametrize("address", ["/", "/boards/"])
def test_leaders_that_are_floors_say_so(client: Client, board: Benchmark, owner: User, address: str) -> None:
    make_scored("pixels", board, {"V4": 0.3}, has_twin=False, card={"family": "floor"})
    make_scored("net", board, {"V4": 0.2}, owner=owner, card={"family": "floor"})
    assert client.get(address).content.decode().count('<span class="badge">floor</span>') == 1


def test_texts_promise_no_more_than_the_data_allow(client: Client) -> None:
    assert "Where the data allow it" in client.get("/").content.decode()
    reading = client.get("/reading/").content.decode()
    assert "not with other training data or other subjects" in reading
    assert "or as a correlation (<var>r</var>)" in reading


def test_entrance_pages_call_things_as_the_header_does(client: Client) -> None:
    login, register = (client.get(f"/accounts/{page}/").content.decode() for page in ("login", "signup"))
    assert "<h1>Log in</h1>" in login
    assert "<h1>Register</h1>" in register
    assert "sign in" not in (login + register).lower()
    assert client.post("/accounts/login/", {"login": "x", "password": "y"}).status_code == 200
