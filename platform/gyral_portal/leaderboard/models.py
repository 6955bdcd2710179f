"""Tables of the leaderboard: suites of benchmarks, and views of a board that people keep under a name."""

import uuid

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """State of a board under an address of its own; whoever has the address may open it, its owner alone finds it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    title = models.CharField(max_length=80)
    # As in a board's address: its benchmarks, and the query.
    reference = models.TextField()
    query = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["title"]
        constraints = [models.UniqueConstraint(fields=["owner", "title"], name="saved_view_title")]

    def __str__(self) -> str:
        return f"{self.title} of {self.owner_id}"


class Suite(models.Model):
    """``name@version`` of a list of benchmarks with weights, carried from the library; immutable but for its words."""

    name = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    modality = models.CharField(max_length=16)
    content_hash = models.CharField(max_length=64)
    # [{benchmark, weight}], in the order of columns; a weight of 0 is shown and not counted.
    members = models.JSONField(default=list)
    retired = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["modality", "name", "-version"]
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="suite_name_version")]

    def __str__(self) -> str:
        return self.identifier

    @property
    def identifier(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"
