"""``among`` finds what ``in`` does, with one parameter, on SQLite and (see ``test_on_services.py``) on PostgreSQL."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gyral_submissions.models import Submission

pytestmark = pytest.mark.django_db


def test_it_finds_the_rows_that_are_there(make_submission: Callable[..., Submission]) -> None:
    one, two, three = (make_submission().pk for _ in range(3))
    found = Submission.objects.order_by("pk").values_list("pk", flat=True)
    assert list(found.filter(pk__among={three, one, 10**12})) == [one, three]
    assert list(found.filter(pk__among=[])) == []
    assert list(found.exclude(pk__among=[one])) == [two, three]


def test_a_hundred_thousand_are_one_parameter(make_submission: Callable[..., Submission]) -> None:
    pk = make_submission().pk
    with CaptureQueriesContext(connection) as asked:
        assert Submission.objects.filter(pk__among=range(pk, pk + 100_000)).count() == 1
    assert len(asked) == 1
    assert len(Submission.objects.filter(pk__among=range(100)).query.sql_with_params()[1]) == 1


@pytest.mark.parametrize("wrong", ["one", None, [None], ["x"]])
def test_what_is_no_number_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Submission.objects.filter(pk__among=wrong)
