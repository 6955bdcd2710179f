"""Allowance: another quota than everybody's, for one person."""

from django.conf import settings
from django.db import models


class Allowance(models.Model):
    """What operators granted or cut; null leaves the site's own limit in force."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="allowance")
    runs_per_day = models.PositiveIntegerField("evaluations a day", null=True, blank=True)
    active_runs = models.PositiveIntegerField("active runs", null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.owner}: {self.runs_per_day} a day, {self.active_runs} active"
