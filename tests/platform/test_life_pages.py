"""A submission's pages after intake: visibility, deletion, notices, what is announced, expected cost, stale scores."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from board_rows import make_run, make_scored, make_submission
from gyral_submissions.domain import notice
from gyral_submissions.domain import submission as verbs
from gyral_submissions.enums import State, Visibility
from gyral_submissions.models import Announcement, Benchmark, MailChoice, Run, Submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(owner: User, board: Benchmark) -> Submission:
    return make_scored("quiet-net", board, {"V4": 0.4321}, owner=owner, visibility="private", title="Quiet")


def test_unlisted_is_seen_by_its_address_and_found_nowhere(
    mine: Submission, as_owner: Client, client: Client
) -> None:
    as_owner.post(f"/submissions/{mine.pk}/visibility/", {"visibility": "unlisted"})
    mine.refresh_from_db()
    assert mine.visibility == Visibility.UNLISTED
    run = mine.runs.get()
    for address in (
        f"/runs/{run.pk}/",
        f"/records/{run.pk}/",
        f"/api/v1/runs/{run.pk}",
        f"/api/v1/runs/{run.pk}/scores",
    ):
        assert client.get(address).status_code == 200, address
    assert client.get(f"/runs/{run.pk}/log/").status_code == 404
    for address in ("/models/quiet-net/", "/api/v1/models/quiet-net"):
        assert client.get(address).status_code == 404, address
    for address in (
        "/",
        "/models/",
        "/boards/cortex/",
        "/benchmarks/cortex/",
        "/api/v1/models",
        "/api/v1/runs",
        "/api/v1/boards/cortex",
    ):
        found = client.get(address).content.decode()
        assert "quiet-net" not in found and "Quiet" not in found and str(run.pk) not in found, address


def test_hidden_submission_says_why_and_stays_hidden(mine: Submission, as_owner: Client, operator: User) -> None:
    verbs.moderate(mine, by=operator, reason="Weights of somebody else.")
    page = as_owner.get(f"/submissions/{mine.pk}/").content.decode()
    assert "Weights of somebody else." in page and 'value="public"' not in page
    as_owner.post(f"/submissions/{mine.pk}/visibility/", {"visibility": "public"})
    mine.refresh_from_db()
    assert mine.visibility == Visibility.PRIVATE


def test_deleting_asks_for_the_name(mine: Submission, as_owner: Client) -> None:
    where = f"/submissions/{mine.pk}/"
    as_owner.post(f"{where}delete/", {"name": "quiet"})
    assert Run.objects.filter(submission=mine).exists()
    said = as_owner.post(f"{where}delete/", {"name": "quiet-net"}, follow=True).content.decode()
    assert "is deleted" in said and not Run.objects.filter(submission=mine).exists()
    assert as_owner.get(where).status_code == 404
    assert f'href="{where}"' not in as_owner.get("/submissions/").content.decode()


def test_notices_are_shown_until_the_run_is_looked_at(mine: Submission, as_owner: Client, client: Client) -> None:
    run = mine.runs.get()
    notice.note_end(run.pk)
    assert "1 new" in as_owner.get("/").content.decode() and "new</span>" not in client.get("/").content.decode()
    shown = as_owner.get("/submissions/").content.decode()
    assert f'href="/runs/{run.pk}/">' in shown and f"version 1 on {run.benchmark.title}</a>:" in shown
    as_owner.get(f"/runs/{run.pk}/")
    assert "1 new" not in as_owner.get("/").content.decode()


def test_all_notices_are_read_at_once_by_their_owner_alone(
    mine: Submission, owner: User, as_owner: Client, stranger: User
) -> None:
    notice.note_end(mine.runs.get().pk)
    other = Client()
    other.force_login(stranger)
    other.post("/submissions/notices/read/")
    assert notice.unread_of(owner).count() == 1
    as_owner.post("/submissions/notices/read/")
    assert notice.unread_of(owner).count() == 0


def test_mail_is_declined_on_the_account_page(as_owner: Client, owner: User) -> None:
    assert "You get a mail" in as_owner.get("/account/").content.decode()
    as_owner.post("/account/mail/", {"runs": "0"})
    assert MailChoice.objects.get(owner=owner).runs is False
    assert "You get no mail" in as_owner.get("/account/").content.decode()


def test_what_is_announced_stands_on_every_page_while_it_lasts(client: Client, board: Benchmark) -> None:
    now = timezone.now()
    assert 'class="note banner' not in client.get("/").content.decode()
    Announcement.objects.create(text="Disks are <moved>.", begins=now, ends=now + timedelta(hours=1), closes=True)
    cache.clear()
    for address in ("/", "/boards/cortex/", "/accounts/login/", "/nothing/"):
        page = client.get(address).content.decode()
        assert "Disks are &lt;moved&gt;." in page and "Nothing is taken in just now." in page, address
    Announcement.objects.update(ends=now)
    cache.clear()
    assert "Disks" not in client.get("/boards/cortex/").content.decode()


def test_live_page_says_what_it_costs_and_how_long_it_takes(
    mine: Submission, as_owner: Client, board: Benchmark
) -> None:
    now = timezone.now()
    Run.objects.update(started=now - timedelta(seconds=90), finished=now)
    run = make_run(make_submission("next", owner=mine.owner), board)
    page = as_owner.get(f"/runs/{run.pk}/").content.decode()
    assert "about 1 min 30 s of computing in all" in page
    assert "one evaluation of today’s quota; cancelling gives it back" in page


def test_stale_score_says_so(mine: Submission, as_owner: Client) -> None:
    Run.objects.update(stale=timezone.now())
    assert "has to be made again" in as_owner.get(f"/runs/{mine.runs.get().pk}/").content.decode()
    assert mine.runs.get().state == State.FINISHED
