"""Fields: lists as people type them."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class Numbers(forms.CharField):
    """Three numbers, with commas between."""

    def to_python(self, value: Any) -> Any:
        """A list of three floats."""
        text = super().to_python(value)
        if not text:
            return None
        try:
            numbers = [float(part) for part in str(text).replace(";", ",").split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != 3:
            raise ValidationError(
                f"{text!r} is not three numbers with commas between, such as 0.485, 0.456, 0.406."
            )
        return numbers

    def prepare_value(self, value: Any) -> Any:
        """Numbers as a person writes them."""
        return ", ".join(f"{v:g}" for v in value) if isinstance(value, list | tuple) else value


class Words(forms.CharField):
    """Words, with commas between."""

    def to_python(self, value: Any) -> Any:
        """A list of words."""
        return [word.strip() for word in str(super().to_python(value) or "").split(",") if word.strip()]

    def prepare_value(self, value: Any) -> Any:
        """Words as a person writes them."""
        return ", ".join(value) if isinstance(value, list | tuple) else value
