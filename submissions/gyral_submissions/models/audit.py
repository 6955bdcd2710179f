"""AuditEntry: who did what to whose submission, run or benchmark; written once, never changed."""

from django.conf import settings
from django.db import models


class AuditEntry(models.Model):
    """A line that outlives the person and the thing it tells of."""

    # Null: the site itself, or a person whose account is gone; the name stays.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=150, blank=True)
    verb = models.CharField(max_length=40, db_index=True)
    # Such as "submission 12: net v1".
    about = models.CharField(max_length=300)
    detail = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.created:%Y-%m-%d %H:%M} {self.actor_name or 'the site'}: {self.verb} {self.about}"
