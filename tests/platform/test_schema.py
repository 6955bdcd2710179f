"""The API does what its OpenAPI schema says, whatever is sent: schemathesis, a few examples of each operation, seeded."""

from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from board_rows import make_run, make_scored, make_submission
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_portal.api.api import api
from gyral_portal.wsgi import application
from gyral_submissions.models import Benchmark

pytestmark = pytest.mark.django_db(transaction=True)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def described(owner: User, board: Benchmark, settings: Any) -> Any:
    """The schema, over a site with models and runs of every kind."""
    settings.GYRAL_REQUESTS_PER_MINUTE = settings.GYRAL_TOKEN_REQUESTS_PER_MINUTE = 0
    settings.GYRAL_LEAST_TIER = "process"
    settings.ALLOWED_HOSTS = ["*"]
    make_scored("one", board, {"V1": 0.3, "V4": 0.5}, {"V4": 0.35})
    make_run(make_submission("mine", owner=owner, visibility="private"), board)
    return schemathesis.openapi.from_wsgi("/api/v1/schema/", application)


def operations() -> list[str]:
    return sorted(
        str(operation["operationId"])
        for methods in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].values()
        for operation in methods.values()
    )


def try_out(described: Any, owner: User, name: str, mode: GenerationMode, examples: int) -> None:
    found = [one.ok() for one in described.include(operation_id=name).get_all_operations()]
    assert len(found) == 1 and found[0] is not None
    token = create_token(owner, "schema", Scope.MANAGE)[1]

    @given(case=found[0].as_strategy(generation_mode=mode))
    @hypothesis_settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any) -> None:
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept-Encoding": "identity",
        }  # its WSGI side unpacks nothing
        case.call_and_validate(headers=headers, checks=CHECKS)

    run()


@pytest.mark.parametrize("name", operations())
def test_operation_does_what_the_schema_says(described: Any, owner: User, name: str) -> None:
    try_out(described, owner, name, GenerationMode.POSITIVE, 4)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("name", operations())
def test_operation_withstands_many_requests(described: Any, owner: User, name: str, mode: GenerationMode) -> None:
    try:
        try_out(described, owner, name, mode, 60)
    except Unsatisfiable:
        # Any word may stand in a path, so that nothing asked of some operations is against the schema.
        assert mode == GenerationMode.NEGATIVE


def test_schema_is_openapi_3_1(described: Any) -> None:
    described.validate()
    assert described.raw_schema["openapi"].startswith("3.1")
