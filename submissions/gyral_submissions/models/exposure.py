"""Exposure: one answer a benchmark gave to somebody."""

from django.conf import settings
from django.db import models

from gyral_submissions.models.benchmark import Benchmark
from gyral_submissions.models.run import Run


class Exposure(models.Model):
    """A scored submission of a person; it outlives run, submission and person, because what was told stays told."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="exposures"
    )
    benchmark = models.ForeignKey(Benchmark, on_delete=models.PROTECT, related_name="exposures")
    run = models.OneToOneField(Run, on_delete=models.SET_NULL, null=True, related_name="exposure")
    created = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["benchmark", "owner"], name="exposure_benchmark_owner")]

    def __str__(self) -> str:
        return f"{self.benchmark_id} answered {self.owner_id} in run {self.run_id}"
