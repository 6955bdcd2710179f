"""Upload: a large file that arrives in pieces, until it is submitted or forgotten."""

import uuid

from django.conf import settings
from django.db import models

from gyral_submissions.enums import Format


class Upload(models.Model):
    """How far a file has come; its bytes lie in a folder named after the row (`domain.upload`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    format = models.CharField(max_length=16, choices=Format.choices)
    # Bytes that are safely here, counted by us; the next piece begins at this offset.
    received = models.PositiveBigIntegerField(default=0)
    created = models.DateTimeField(auto_now_add=True)
    touched = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.id}: {self.received} bytes"
