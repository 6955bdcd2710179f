"""Dataset: what can be shown of data that no model can be scored on."""

from django.db import models


class Dataset(models.Model):
    """A dataset without a board, carried from the library; its responses decode categories."""

    name = models.CharField(max_length=80, unique=True)
    content_hash = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    # Licence, citation, counts, titles of regions: what the page shows.
    about = models.JSONField(default=dict)
    # `gyral.decode.Decoding`.
    decoding = models.JSONField(default=dict)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def region_title(self, name: str) -> str:
        """What pages call a region; its name where it has no title."""
        return str(self.about.get("regions", {}).get(name) or name)
