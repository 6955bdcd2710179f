"""Submission: one version of one model somebody put in."""

from django.conf import settings
from django.db import models

from gyral_submissions.enums import Format, Tier, Visibility
from gyral_submissions.validators import validate_name


class Submission(models.Model):
    """A model with its card; ``name`` and ``version`` identify it on the boards."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="submissions"
    )
    name = models.CharField(max_length=64, validators=[validate_name])
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=200, blank=True)
    modality = models.CharField(max_length=16, db_index=True)
    format = models.CharField(max_length=16, choices=Format.choices)
    tier = models.CharField(max_length=16, choices=Tier.choices)
    visibility = models.CharField(max_length=8, choices=Visibility.choices, default=Visibility.PRIVATE)
    has_twin = models.BooleanField(default=True)
    card = models.JSONField(default=dict)
    # Of the file as it was sent; empty for reference models.
    sha256 = models.CharField(max_length=64, blank=True)
    # Of what decides the features: the unpacked files and the card's preprocessing. Tells duplicates.
    content_hash = models.CharField(max_length=64, blank=True, db_index=True)
    size = models.PositiveBigIntegerField(default=0)
    # Relative to GYRAL_HOME/uploads; empty for reference models, which the library finds by name.
    path = models.CharField(max_length=200, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    # Of any column a board shows; readers keep what they made of a row until it moves.
    changed = models.DateTimeField(auto_now=True)
    # When a version that began as private was shown to everybody; null: when it was created, or never.
    published = models.DateTimeField(null=True, blank=True)
    withdrawn = models.DateTimeField(null=True, blank=True)
    # Files, card, runs and scores are gone; name and number stay taken, so that neither is ever another model's.
    deleted = models.DateTimeField(null=True, blank=True)
    # When operators hid it, and what they said; until they let it go, nobody shows it to others.
    moderated = models.DateTimeField(null=True, blank=True)
    moderation = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-created", "-id"]
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="submission_name_version")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def is_reference(self) -> bool:
        """True for models of the library's catalogue."""
        return self.format == Format.REFERENCE
