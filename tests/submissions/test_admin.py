"""The operators' pages: everything can be looked at, nothing can be edited by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory

from gyral_submissions.admin import RunAdmin, SubmissionAdmin
from gyral_submissions.domain import run
from gyral_submissions.enums import State
from gyral_submissions.models import Benchmark, Run, Submission

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


@pytest.mark.parametrize("model", list(apps.get_app_config("gyral_submissions").get_models()))
def test_tables_are_registered_and_read_only(model: Any, request_of_operator: Any) -> None:
    found = admin.site.get_model_admin(model)
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
