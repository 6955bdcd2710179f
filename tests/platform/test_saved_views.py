"""Saved views: kept by one person under a name, opened by anybody with the address, deleted by their owner."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from board_rows import make_scored
from gyral_portal.leaderboard.models import SavedView
from gyral_portal.leaderboard.views import saved
from gyral_submissions.models import Benchmark

pytestmark = pytest.mark.django_db
STATE = {"title": " My  nets ", "reference": "cortex", "query": "q=net1&sort=V1&page=1&nonsense=1&columns=V1"}


@pytest.fixture
def view(as_owner: Client, board: Benchmark) -> SavedView:
    for name in ("net1", "other"):
        make_scored(name, board, {"V1": 0.3, "V4": 0.5})
    assert as_owner.post("/views/save/", STATE).status_code == 302
    return SavedView.objects.get()


def test_view_keeps_what_a_board_knows_and_no_more(view: SavedView) -> None:
    assert (view.title, view.reference, view.query) == ("My nets", "cortex@0", "sort=V1&q=net1&columns=V1")


def test_view_opens_for_anybody_as_the_board_does(client: Client, view: SavedView) -> None:
    opened = client.get(f"/views/{view.pk}/")
    board = client.get("/boards/cortex@0/?sort=V1&q=net1&columns=V1")
    assert opened.content == board.content
    assert "1 of 2 models" in opened.content.decode()


def test_view_is_listed_for_its_owner_alone(
    client: Client, as_owner: Client, view: SavedView, stranger: User
) -> None:
    other = Client()
    other.force_login(stranger)
    for who, found in ((client, False), (other, False), (as_owner, True)):
        for address in ("/boards/cortex/", "/views/"):
            assert (str(view.pk) in who.get(address).content.decode()) is found


def test_same_name_holds_the_newer_state(as_owner: Client, view: SavedView) -> None:
    as_owner.post("/views/save/", STATE | {"query": "q=other"})
    assert SavedView.objects.get().query == "q=other"


def test_views_are_limited(as_owner: Client, view: SavedView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MOST", 1)
    text = as_owner.post("/views/save/", STATE | {"title": "second"}, follow=True).content.decode()
    assert "delete one first" in text
    assert SavedView.objects.count() == 1


def test_view_without_a_name_is_not_kept(as_owner: Client, board: Benchmark) -> None:
    text = as_owner.post("/views/save/", STATE | {"title": "  "}, follow=True).content.decode()
    assert "A view needs a name." in text
    assert not SavedView.objects.exists()


def test_view_of_no_board_is_404(as_owner: Client, board: Benchmark) -> None:
    assert as_owner.post("/views/save/", STATE | {"reference": "nothing"}).status_code == 404


def test_view_is_deleted_by_its_owner(client: Client, as_owner: Client, view: SavedView) -> None:
    as_owner.post(f"/views/{view.pk}/delete/")
    assert client.get(f"/views/{view.pk}/").status_code == 404
