"""Every rule x every kind of person."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from gyral.isolation.tier import Findings
from gyral.isolation.tier import Tier as Sandbox
from gyral_submissions import rules
from gyral_submissions.domain.queries.visible import visible_submissions
from gyral_submissions.enums import Format, State, Visibility
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(make_user: Callable[..., User], user: User) -> dict[str, Any]:
    return {
        "nobody": None,
        "visitor": AnonymousUser(),
        "stranger": make_user(),
        "owner": user,
        "operator": make_user(is_staff=True),
        "dismissed": make_user(is_staff=True, is_active=False),
    }


@pytest.mark.parametrize(
    ("fields", "seen_by"),
    [
        ({}, {"nobody", "visitor", "stranger", "owner", "operator", "dismissed"}),
        ({"visibility": Visibility.PRIVATE}, {"owner", "operator"}),
    ],
)
def test_may_be_seen(
    fields: dict[str, Any],
    seen_by: set[str],
    people: dict[str, Any],
    make_submission: Callable[..., Submission],
) -> None:
    submission = make_submission(**fields)
    assert {name for name, who in people.items() if rules.may_be_seen(submission, who)} == seen_by
    assert {name for name, who in people.items() if submission in visible_submissions(who)} == seen_by


def test_withdrawn_is_seen_by_owner_and_operator_but_listed_nowhere(
    people: dict[str, Any], make_submission: Callable[..., Submission]
) -> None:
    submission = make_submission(withdrawn=timezone.now())
    seen_by = {name for name, who in people.items() if rules.may_be_seen(submission, who)}
    assert seen_by == {"owner", "operator"}
    assert not any(visible_submissions(who) for who in people.values())


@pytest.mark.parametrize("state", list(State))
def test_may_be_cancelled_and_retried(
    state: State, people: dict[str, Any], submission: Submission, benchmark_row: Benchmark
) -> None:
    run = Run.objects.create(submission=submission, benchmark=benchmark_row, readout="ridge", state=state)
    cancel = {name for name, who in people.items() if rules.may_be_cancelled(run, who)}
    retry = {name for name, who in people.items() if rules.may_be_retried(run, who)}
    insiders = {"owner", "operator"}
    assert cancel == (insiders if state in (State.QUEUED, State.RUNNING) else set())
    assert retry == (insiders if state in (State.FAILED, State.CANCELLED) else set())


def test_log_may_be_read(
    people: dict[str, Any], make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    theirs = Run(submission=make_submission(), benchmark=benchmark_row)
    ours = Run(submission=make_submission(owner=None, format=Format.REFERENCE), benchmark=benchmark_row)
    readers = {name for name, who in people.items() if rules.log_may_be_read(theirs, who)}
    assert readers == {"owner", "operator"}
    assert all(rules.log_may_be_read(ours, who) for who in people.values())


@pytest.mark.parametrize(
    ("found", "least", "allowed"),
    [
        ("process", "landlock", False),
        ("landlock", "landlock", True),
        ("landlock", "bubblewrap", False),
        ("process", "process", True),
    ],
)
@pytest.mark.parametrize("format_", [Format.ONNX, Format.SAFETENSORS, Format.FEATURES])
def test_models_are_run_where_the_sandbox_is_firm_enough(
    format_: Format,
    found: Sandbox,
    least: Sandbox,
    allowed: bool,
    people: dict[str, Any],
    make_submission: Callable[..., Submission],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.GYRAL_LEAST_TIER = least
    monkeypatch.setattr(rules, "examine", lambda: Findings(found))
    may = {name for name, who in people.items() if rules.may_upload(who, format_)}
    everyone = {"stranger", "owner", "operator"}
    assert may == (everyone if allowed or format_ == Format.FEATURES else {"operator"})
    for who in ("owner", "operator"):
        submission = make_submission(owner=people[who], format=format_)
        assert rules.may_be_held(submission, found) == (who in may)
