"""Holdout: what models reached on data that nobody is shown, and what may be said of all of them together."""

from django.db import models

from gyral_submissions.models.benchmark import Benchmark
from gyral_submissions.models.run import Run


class HoldoutScore(models.Model):
    """One number of one run on the part of its benchmark that is held back.

    Nothing but `domain.holdout` reads it: no page, no admin, no API, no export.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    # Of the main region's or another one's ``chosen`` row; null where there is no score.
    region = models.CharField(max_length=80)
    value = models.FloatField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "region"], name="holdout_score_once")]

    def __str__(self) -> str:
        return f"run {self.run_id} / {self.region}: held back"


class HoldoutReport(models.Model):
    """How far public and held-back scores of many models agree: all that is ever shown."""

    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="holdout_reports")
    created = models.DateTimeField()
    # Models behind it.
    count = models.PositiveIntegerField()
    # Spearman's correlation of the two parts over models, and the mean of public less held back; two decimals.
    agreement = models.FloatField()
    drop = models.FloatField()

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.benchmark_id}: {self.count} models, {self.agreement:.2f}"
