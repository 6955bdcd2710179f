"""A page that lists the API's operations, made from its own schema; no script, no outside files."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gyral_portal.api.api import api


@require_safe
def operations(request: HttpRequest) -> HttpResponse:
    """Every operation with its summary, parameters and whether it needs a token."""
    schema = api.get_openapi_schema()
    found = [
        _operation(method, path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    return render(request, "api/operations.html", {"operations": found, "site": request.build_absolute_uri("/")})


def _operation(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "text": operation.get("description") or operation.get("summary", ""),
        "parameters": [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"],
        "token": _scope(operation),
    }


def _scope(operation: dict[str, Any]) -> str:
    """What a token must allow; "optional" where none is needed."""
    guards = [name for guard in operation["security"] for name in guard]
    return "optional" if {} in operation["security"] else guards[0].removesuffix("Token").lower()
