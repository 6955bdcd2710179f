"""ApiToken: what a program shows instead of a password."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Scope(models.TextChoices):
    """What a token may do; each includes those before it."""

    READ = "read", "read"
    SUBMIT = "submit", "read and submit"
    MANAGE = "manage", "read, submit and manage"


class ApiToken(models.Model):
    """One token of one person; only its sha256 is kept."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    scope = models.CharField(max_length=8, choices=Scope.choices, default=Scope.READ)
    hash = models.CharField(max_length=64, unique=True)
    # The first characters, so that its owner can tell one from another.
    hint = models.CharField(max_length=16)
    created = models.DateTimeField(auto_now_add=True)
    used = models.DateTimeField(null=True, blank=True)
    # Null: until it is revoked.
    expires = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}...)"

    @property
    def is_expired(self) -> bool:
        """True once its time is over."""
        return self.expires is not None and self.expires <= timezone.now()

    def may(self, scope: Scope) -> bool:
        """True if the token is valid and carries ``scope``."""
        known = Scope.values
        return self.revoked is None and not self.is_expired and known.index(self.scope) >= known.index(scope)

    def revoke(self) -> None:
        """End the token; it stays in the list as revoked."""
        if self.revoked is None:
            self.revoked = timezone.now()
            self.save(update_fields=["revoked"])
