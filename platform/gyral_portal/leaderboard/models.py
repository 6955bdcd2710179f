"""Tables of the leaderboard: views of a board that people keep under a name."""

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
