"""The operators' pages: everything can be looked at, nothing can be edited by hand."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory

from gyral_submissions.admin import AllowanceAdmin, BenchmarkAdmin, RunAdmin, SubmissionAdmin
from gyral_submissions.domain import run
from gyral_submissions.domain.quota import quota_of
from gyral_submissions.enums import State
from gyral_submissions.models import (
    Allowance,
    Announcement,
    AuditEntry,
    Benchmark,
    HoldoutReport,
    HoldoutScore,
    Run,
    Submission,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_operator(make_user: Callable[..., User], rf: RequestFactory) -> Any:
    request = rf.post("/")
    request.user = make_user(is_staff=True, is_superuser=True)
    request._dont_enforce_csrf_checks = True
    request.session = {}  # type: ignore[assignment]
    from django.contrib.messages.storage.cookie import CookieStorage

    request._messages = CookieStorage(request)
    return request


WRITTEN = {Announcement, Allowance}
# Its numbers must reach nobody; what may be said is on the benchmark's page.
UNSEEN = {HoldoutReport, HoldoutScore}


@pytest.mark.parametrize("model", list(apps.get_app_config("gyral_submissions").get_models()))
def test_tables_are_registered_and_read_only(model: Any, request_of_operator: Any) -> None:
    if model in UNSEEN:
        assert not admin.site.is_registered(model)
        return
    found = admin.site.get_model_admin(model)
    if model in WRITTEN:
        assert found.has_add_permission(request_of_operator)
        return
    assert found.has_view_permission(request_of_operator)
    assert not found.has_add_permission(request_of_operator)
    assert not found.has_change_permission(request_of_operator)
    assert not found.has_delete_permission(request_of_operator)


@pytest.mark.parametrize("count", [1, 3])
def test_list_of_runs_takes_a_fixed_number_of_queries(
    count: int,
    make_submission: Callable[..., Submission],
    benchmark_row: Benchmark,
    request_of_operator: Any,
    django_assert_max_num_queries: Any,
) -> None:
    for _ in range(count):
        run.create(make_submission(), [benchmark_row], publish=False)
    site = RunAdmin(Run, admin.site)
    with django_assert_max_num_queries(6):
        response = site.changelist_view(request_of_operator)
        text = response.context_data["cl"].result_list
        assert len([str(r) for r in text]) == 2 * count


def test_operators_cancel_retry_and_withdraw(
    submission: Submission, benchmark_row: Benchmark, request_of_operator: Any
) -> None:
    run.create(submission, [benchmark_row], publish=False)
    runs = RunAdmin(Run, admin.site)
    runs.cancel(request_of_operator, Run.objects.all())
    assert set(Run.objects.values_list("state", flat=True)) == {State.CANCELLED}
    runs.retry(request_of_operator, Run.objects.all())
    assert set(Run.objects.values_list("state", "attempt")) == {(State.QUEUED, 2)}
    runs.retry(request_of_operator, Run.objects.all())
    SubmissionAdmin(Submission, admin.site).withdraw(request_of_operator, Submission.objects.all())
    assert Submission.objects.get().withdrawn is not None
    assert set(Run.objects.values_list("state", flat=True)) == {State.CANCELLED}


def test_what_staff_does_is_written_down(
    submission: Submission, benchmark_row: Benchmark, request_of_operator: Any
) -> None:
    run.create(submission, [benchmark_row], publish=False)
    RunAdmin(Run, admin.site).cancel(request_of_operator, Run.objects.filter(twin=""))
    found = SubmissionAdmin(Submission, admin.site)
    request_of_operator.POST = {"reason": "somebody else's weights"}
    found.hide(request_of_operator, Submission.objects.all())
    found.let_go(request_of_operator, Submission.objects.all())
    found.delete_for_good(request_of_operator, Submission.objects.all())
    name = request_of_operator.user.get_username()
    written = list(AuditEntry.objects.order_by("id").values_list("verb", "actor_name"))
    verbs = ["cancel", "hide", "change visibility", "let go", "withdraw", "delete"]
    assert written == [(verb, name) for verb in verbs]
    assert "somebody else's weights" in AuditEntry.objects.get(verb="hide").detail


def test_scores_are_made_again_by_actions(
    submission: Submission, benchmark_row: Benchmark, request_of_operator: Any
) -> None:
    done = Run.objects.create(
        submission=submission, benchmark=benchmark_row, readout=benchmark_row.readout, state=State.FINISHED
    )
    site = BenchmarkAdmin(Benchmark, admin.site)
    site.score_again(request_of_operator, Benchmark.objects.all())
    assert Run.objects.count() == 1  # nothing is stale
    site.mark_stale(request_of_operator, Benchmark.objects.all())
    site.score_again(request_of_operator, Benchmark.objects.all())
    site.score_again(request_of_operator, Benchmark.objects.all())
    done.refresh_from_db()
    fresh = Run.objects.exclude(pk=done.pk).get()
    assert done.stale is not None and done.state == State.FINISHED
    assert (fresh.state, fresh.stale, fresh.charges.count()) == (State.QUEUED, None, 0)


def test_a_person_may_have_another_quota(user: User, settings: Any, request_of_operator: Any) -> None:
    settings.GYRAL_RUNS_PER_DAY, settings.GYRAL_ACTIVE_RUNS = 3, 5
    found = Allowance(owner=user, runs_per_day=0, reason="abuse")
    AllowanceAdmin(Allowance, admin.site).save_model(
        request_of_operator, found, SimpleNamespace(changed_data=["runs_per_day"]), change=False
    )
    quota = quota_of(user)
    assert (quota.limit, quota.remaining, quota.active_limit) == (0, 0, 5)
    assert AuditEntry.objects.get().verb == "add"
