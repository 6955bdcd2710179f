"""A page for each fault a submitter can mend, and the list of them."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gyral.faults import catalogue, groups


@require_safe
def faults(request: HttpRequest) -> HttpResponse:
    """All codes by group."""
    return render(request, "portal/faults.html", {"groups": groups()})


@require_safe
def fault(request: HttpRequest, code: str) -> HttpResponse:
    """What one code means, and what to do."""
    found = catalogue().get(code)
    if found is None:
        raise Http404(f"there is no fault {code!r}")
    return render(request, "portal/fault.html", {"fault": found})
