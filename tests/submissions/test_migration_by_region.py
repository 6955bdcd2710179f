"""Migration 0009: runs of an older site know ids, values and spreads of their scores afterwards."""

from importlib import import_module

import pytest
from django.apps import apps

from board_rows import make_benchmark, make_scored
from gyral_submissions.models import Run

pytestmark = pytest.mark.django_db


def test_runs_of_an_older_site_know_their_scores() -> None:
    make_scored("older", make_benchmark(), {"V1": 0.3, "V4": None}, twin={"V1": 0.1, "V4": 0.2})
    now = dict(Run.objects.values_list("pk", "by_region"))
    assert [set(found) for found in now.values()] == [{"V1", "V4"}] * 2
    Run.objects.update(by_region={"V1": 0.3})
    import_module("gyral_submissions.migrations.0009_by_region").note_scores(apps, None)
    assert dict(Run.objects.values_list("pk", "by_region")) == now
