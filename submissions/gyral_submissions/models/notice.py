"""Notice: what a person is told of a run that ended, on pages and by mail."""

from django.conf import settings
from django.db import models

from gyral_submissions.models.run import Run


class Notice(models.Model):
    """One run's end, told to its owner once."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="notices")
    attempt = models.PositiveIntegerField()
    created = models.DateTimeField()
    read = models.DateTimeField(null=True, blank=True)
    # Null while a mail is due; the time it left, or was found to be unwanted.
    mailed = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["run", "attempt"], name="notice_once_per_attempt")]
        indexes = [models.Index(fields=["owner", "read"], name="notice_owner_read")]

    def __str__(self) -> str:
        return f"{self.owner_id}: run {self.run_id} attempt {self.attempt}"


class MailChoice(models.Model):
    """Whether a person wants mail of runs that ended; without a row they do."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mail_choice")
    runs = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"{self.owner_id}: {'mail' if self.runs else 'no mail'}"
