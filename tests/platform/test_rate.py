"""Limits of the API: counted a person or an address, said in headers, and past them 429."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_a_minute(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GYRAL_REQUESTS_PER_MINUTE, settings.GYRAL_TOKEN_REQUESTS_PER_MINUTE = 3, 5
    # A minute that does not end while a test runs.
    monkeypatch.setattr("gyral_portal.api.rate.time.time", lambda: 1_800_000_030.0)


def _remaining(client: Client, address: str = "/api/v1/models") -> str:
    return str(client.get(address)["RateLimit-Remaining"])


def test_each_answer_says_what_is_left(client: Client) -> None:
    answer = client.get("/api/v1/models")
    found = {name: answer[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset", "Policy")}
    assert found == {"Limit": "3", "Remaining": "2", "Reset": "30", "Policy": "3;w=60"}
    assert _remaining(client) == "1"


def test_past_the_limit_it_says_how_long_to_wait(client: Client) -> None:
    for _ in range(3):
        assert client.get("/api/v1/models").status_code == 200
    answer = client.get("/api/v1/models")
    assert (answer.status_code, answer.json()["code"]) == (429, "rate-limit")
    assert answer["Retry-After"] == "30" and answer["RateLimit-Remaining"] == "0"
    assert client.get("/").status_code == 200  # pages are not counted


def test_the_next_minute_begins_anew(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        client.get("/api/v1/models")
    monkeypatch.setattr("gyral_portal.api.rate.time.time", lambda: 1_800_000_060.0)
    assert _remaining(client) == "2"


def test_tokens_of_one_person_count_together_and_apart_from_others(owner: User, stranger: User) -> None:
    def use(person: User) -> Client:
        return Client(headers={"authorization": f"Bearer {create_token(person, 't', Scope.READ)[1]}"})

    assert [_remaining(use(owner), "/api/v1/me") for _ in range(3)] == ["4", "3", "2"]
    assert _remaining(use(stranger), "/api/v1/me") == "4"


def test_wrong_tokens_cannot_be_tried_without_end(client: Client) -> None:
    answers = [
        Client(headers={"authorization": f"Bearer gyral_{n}"}).get(address).status_code
        for n, address in enumerate(("/api/v1/me", "/api/v1/models", "/api/v1/quota", "/api/v1/me"))
    ]
    assert answers == [401, 401, 401, 429]


def test_a_304_is_counted_and_said_as_well(client: Client) -> None:
    tag = client.get("/api/v1/models")["ETag"]
    again = client.get("/api/v1/models", headers={"if-none-match": tag})
    assert (again.status_code, again.content, again["RateLimit-Remaining"]) == (304, b"", "1")
    assert "Authorization" in again["Vary"] and again["Cache-Control"] == "private, no-cache"


def test_zero_means_no_limit(client: Client, settings: Any) -> None:
    settings.GYRAL_REQUESTS_PER_MINUTE = 0
    answers = [client.get("/api/v1/models") for _ in range(5)]
    assert {a.status_code for a in answers} == {200} and not answers[0].has_header("RateLimit-Limit")
