"""The page of a run: what it says in each state, and how it lives."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from board_rows import make_run, make_submission
from gyral_submissions.domain.log import note
from gyral_submissions.enums import State
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mine(owner: User) -> Submission:
    return make_submission("net", owner=owner)


def _page(client: Client, run: Run, part: str = "") -> str:
    return client.get(f"/runs/{run.pk}/{part}").content.decode()


def test_run_page_of_a_queued_run_says_its_place(as_owner: Client, mine: Submission, board: Benchmark) -> None:
    make_run(make_submission("earlier", owner=mine.owner), board)
    make_run(make_submission("reference"), board)  # waits in the other queue
    assert "number 2 in the queue" in _page(as_owner, make_run(mine, board))


def test_run_page_says_which_sandbox_held_the_model(as_owner: Client, mine: Submission, board: Benchmark) -> None:
    assert "Sandbox" not in _page(as_owner, make_run(mine, board))
    run = make_run(mine, board, {"V4": 0.3}, sandbox="landlock")
    assert "<dt>Sandbox</dt><dd>landlock</dd>" in _page(as_owner, run)


def test_submission_page_leads_to_the_page_of_a_fault(
    as_owner: Client, mine: Submission, board: Benchmark
) -> None:
    fields = {"state": State.FAILED, "fault": "submitter", "fault_code": "onnx-padding", "fault_text": "x"}
    make_run(mine, board, **fields)
    text = as_owner.get(f"/submissions/{mine.pk}/").content.decode()
    assert '<a href="/faults/onnx-padding/"><code>onnx-padding</code></a>' in text


def test_run_page_of_a_running_run_shows_steps_and_remaining_time(
    as_owner: Client, mine: Submission, board: Benchmark
) -> None:
    steps = [
        {"step": "features", "done": 4, "total": 4, "seconds": 12},
        {"step": "ridge", "done": 1, "total": 4, "seconds": 30},
    ]
    run = make_run(mine, board, state=State.RUNNING, step="ridge", remaining_seconds=90, steps=steps)
    text = _page(as_owner, run)
    for part in ("Running", "about 1 min 30 s left in this step", 'value="25"', "4 of 4", "Cancel the run"):
        assert part in text
    assert f'hx-get="/runs/{run.pk}/live/"' in text
    assert '<noscript><meta http-equiv="refresh"' in text


@pytest.mark.parametrize("state", [State.FINISHED, State.FAILED, State.CANCELLED])
def test_run_page_stops_asking_once_the_run_ended(
    as_owner: Client, mine: Submission, board: Benchmark, state: State
) -> None:
    run = make_run(mine, board, {"V4": 0.3} if state == State.FINISHED else None, state=state)
    assert "hx-get" not in _page(as_owner, run, "live/")
    assert "http-equiv" not in _page(as_owner, run)


def test_run_page_of_a_failed_run_says_whose_fault_and_the_mend(
    as_owner: Client, mine: Submission, board: Benchmark
) -> None:
    run = make_run(
        mine,
        board,
        state=State.FAILED,
        fault="submitter",
        fault_code="onnx-fixed-batch",
        fault_text="the graph takes batches of 1 only.",
        fault_where="model.onnx",
        fault_mend="Export it with `dynamic_axes`.",
    )
    text = _page(as_owner, run)
    for part in (
        "The submission cannot be scored.",
        "batches of 1 only",
        "Export it with <code>dynamic_axes</code>.",
        "onnx-fixed-batch",
        "Submit a new version",
        'class="quiet" type="submit">Retry (costs one evaluation)',
    ):
        assert part in text


def test_run_page_replays_the_log(as_owner: Client, mine: Submission, board: Benchmark) -> None:
    run = make_run(mine, board)
    for n in range(3):
        note(run.pk, 1, f"line {n}")
    assert all(f"line {n}" in _page(as_owner, run, "live/") for n in range(3))
    log = as_owner.get(f"/runs/{run.pk}/log/")
    assert log["Content-Type"].startswith("text/plain")
    assert log.content.decode().count("\n") == 3


def test_cancel_and_retry_by_button(as_owner: Client, mine: Submission, board: Benchmark) -> None:
    run = make_run(mine, board)
    as_owner.post(f"/runs/{run.pk}/cancel/")
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    as_owner.post(f"/runs/{run.pk}/retry/")
    run.refresh_from_db()
    assert (run.state, run.attempt) == (State.QUEUED, 2)
    as_owner.post(f"/runs/{run.pk}/retry/")
    assert "Not queued" in _page(as_owner, run)


def test_run_pages_are_never_cached(as_owner: Client, mine: Submission, board: Benchmark) -> None:
    assert "no-store" in as_owner.get(f"/runs/{make_run(mine, board).pk}/live/")["Cache-Control"]
