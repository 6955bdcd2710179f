"""Validators of fields that people type."""

from django.core.validators import RegexValidator

# The same rule as `gyral.models.card.ModelCard.name`; a test holds the two together.
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"

validate_name = RegexValidator(
    NAME_PATTERN,
    "A name has 1 to 64 lower-case letters, digits, dots, dashes or underscores and starts with a letter or digit.",
    code="name",
)
