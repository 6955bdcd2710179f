"""Signals: what must follow whoever deletes a row, cascades from people included."""

from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from gyral_submissions.domain.standing import want
from gyral_submissions.enums import State, Visibility
from gyral_submissions.models import Benchmark, Run


@receiver(pre_delete, sender=Run)
def renew_board(sender: type[Run], instance: Run, **more: Any) -> None:
    """A finished run that everybody saw leaves its board."""
    if (
        instance.state == State.FINISHED
        and not instance.dry
        and instance.submission.visibility == Visibility.PUBLIC
    ):
        want(Benchmark.objects.filter(pk=instance.benchmark_id))
