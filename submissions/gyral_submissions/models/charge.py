"""Charge: one evaluation, or one dry run, taken from what somebody may start in a day."""

from django.conf import settings
from django.db import models

from gyral_submissions.models.run import Run


class Charge(models.Model):
    """A line of the ledger; it outlives its run, so that deleting a submission gives no quota back."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="charges")
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="charges")
    attempt = models.PositiveIntegerField()
    # Dry runs are counted by themselves.
    dry = models.BooleanField("dry run", default=False)
    created = models.DateTimeField()
    refunded = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["owner", "created"], name="charge_owner_created")]
        constraints = [models.UniqueConstraint(fields=["run", "attempt"], name="charge_once_per_attempt")]

    def __str__(self) -> str:
        return f"{self.owner_id}: run {self.run_id} attempt {self.attempt}"
