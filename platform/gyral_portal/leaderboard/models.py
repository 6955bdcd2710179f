"""Tables of the leaderboard: suites of benchmarks, views of a board that people keep, and pages of people."""

import uuid

from django.conf import settings
from django.core.validators import RegexValidator, URLValidator
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


class Person(models.Model):
    """What a person or a team says of themselves; everybody sees it, and who wants none has none."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="person")
    handle = models.CharField(
        max_length=40,
        unique=True,
        validators=[
            RegexValidator(
                r"^[a-z0-9][a-z0-9-]{1,39}$",
                "An address has 2 to 40 lower-case letters, digits and dashes, and starts with a letter or digit.",
                code="handle",
            )
        ],
    )
    name = models.CharField(max_length=100)
    affiliation = models.CharField(max_length=200, blank=True)
    url = models.CharField(max_length=300, blank=True, validators=[URLValidator(schemes=["http", "https"])])
    words = models.TextField(max_length=1000, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "people"

    def __str__(self) -> str:
        return self.name
