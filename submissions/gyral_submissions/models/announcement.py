"""Announcement: what operators say on every page, and whether the site takes anything in meanwhile."""

from django.db import models


class Announcement(models.Model):
    """A banner, shown from one moment until another."""

    text = models.CharField(max_length=300)
    begins = models.DateTimeField()
    ends = models.DateTimeField(null=True, blank=True)
    # Uploads and new runs are refused meanwhile; what is queued waits, what runs goes on.
    closes = models.BooleanField("nothing is taken in meanwhile", default=False)

    class Meta:
        ordering = ["-begins"]

    def __str__(self) -> str:
        return self.text
