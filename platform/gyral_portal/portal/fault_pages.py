"""Where the page of a fault's code is."""

from django.urls import reverse

from gyral.faults import catalogue


def page_of(code: str) -> str | None:
    """Address of the code's page; None where it has none (the fault is the site's, or the message says all)."""
    return reverse("portal:fault", args=[code]) if code in catalogue() else None
