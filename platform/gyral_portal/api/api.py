"""The API under ``/api/v1/``; its OpenAPI schema is at ``/api/v1/schema/``."""

from typing import Any

from ninja import NinjaAPI

from gyral import __version__
from gyral_portal.api import (
    account,
    brain,
    datasets,
    faults,
    files,
    people,
    pictures,
    rdms,
    read,
    stimuli,
    submissions,
    suites,
    uploads,
)
from gyral_portal.api.auth import ReadToken
from gyral_portal.api.errors import PROBLEM, install_errors
from gyral_portal.api.schemas import ErrorOut
from gyral_portal.nul import TextParser


class Api(NinjaAPI):
    """Ninja's, with a schema that says of errors what they are."""

    def get_openapi_schema(self, **more: Any) -> Any:
        """OpenAPI 3.1; errors are ``application/problem+json``, and where no token is needed one may be sent."""
        schema = super().get_openapi_schema(**more)
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation.setdefault("security", [{}, {ReadToken.__name__: []}])
                for answer in operation["responses"].values():
                    _as_problem(answer)
                operation["responses"].setdefault("default", _ANY_ERROR)
        return schema


_ANY_ERROR = {
    "description": "Any other error.",
    "content": {PROBLEM: {"schema": {"$ref": f"#/components/schemas/{ErrorOut.__name__}"}}},
}


def _as_problem(answer: dict[str, Any]) -> None:
    content = answer.get("content", {})
    body = content.get("application/json", {}).get("schema", {})
    if str(body.get("$ref", "")).endswith(f"/{ErrorOut.__name__}"):
        content[PROBLEM] = content.pop("application/json")


api = Api(
    title="Gyral",
    version="1",
    description=(
        f"Boards, models, runs and records of a Gyral site (Gyral {__version__}). Reading needs no token; a token "
        "shows what its owner may see. Submitting needs a token with the scope `submit`, publishing and deleting one "
        "with `manage`. Every error is a problem (RFC 9457) with the members `code`, `where` and `mend`; its `type` is the "
        "page where the code is explained. `RateLimit-*` say how many requests are left this minute."
    ),
    urls_namespace="api",
    openapi_url="schema/",
    parser=TextParser(),
    docs_url=None,
)
install_errors(api)
_PARTS = (
    read,
    stimuli,
    suites,
    datasets,
    people,
    faults,
    pictures,
    brain,
    rdms,
    files,
    account,
    submissions,
    uploads,
)
for part in _PARTS:
    api.add_router("", part.router)
