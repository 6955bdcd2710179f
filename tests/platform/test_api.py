"""The API: shape of answers and errors, pages, entity tags, submitting from end to end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from board_rows import make_benchmark, make_run, make_scored, make_submission
from gyral.isolation.tier import Findings
from gyral_portal.accounts.models import ApiToken, Scope
from gyral_portal.accounts.tokens import create_token
from gyral_submissions import conf, rules
from gyral_submissions.domain.log import note
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)
MODEL = Path(__file__).resolve().parents[2] / "fixtures" / "uploads" / "conv" / "model.onnx"
CARD = {"name": "tiny-net", "modality": "vision", "image": {"size": 32, "crop": 1.0}}


@pytest.fixture
def token(owner: User) -> str:
    return create_token(owner, "test", Scope.SUBMIT)[1]


@pytest.fixture
def api(token: str, settings: Any) -> Client:
    settings.GYRAL_LEAST_TIER = "process"
    return Client(headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def submit(api: Client) -> Callable[..., Any]:
    def post(**changes: Any) -> Any:
        fields = {"file": SimpleUploadedFile("model.onnx", MODEL.read_bytes()), "format": "onnx"}
        fields |= {"card": json.dumps(CARD), "benchmarks": "cortex@0"}
        return api.post("/api/v1/submissions", {k: v for k, v in (fields | changes).items() if v is not None})

    return post


def _is_error(answer: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert set(body) == {"type", "title", "status", "detail", "code", "where", "mend"}
    assert body["status"] == status and answer["Content-Type"] == "application/problem+json"
    return body


def test_schema_names_every_operation(client: Client) -> None:
    schema = client.get("/api/v1/schema/").json()
    assert schema["openapi"].startswith("3.")
    operations = {op["operationId"] for path in schema["paths"].values() for op in path.values()}
    assert {"get_board", "submit", "get_log", "cancel_run", "retry_run", "get_record"} <= operations


def test_page_lists_every_operation(client: Client, db: None) -> None:
    text = client.get("/api/").content.decode()
    schema = client.get("/api/v1/schema/").json()
    assert all(path in text for path in schema["paths"])


def test_board_answers_like_its_page(client: Client, board: Benchmark) -> None:
    make_scored("one", board, {"V1": 0.3, "V4": 0.5}, {"V4": 0.35})
    make_scored("two", board, {"V4": None})
    query = "?sort=V4&order=up"
    exported = client.get(f"/boards/cortex/board.json{query}").json()["cells"]
    assert client.get(f"/api/v1/boards/cortex{query}").json()["cells"] == exported


def test_board_answers_304_until_something_changes(client: Client, board: Benchmark) -> None:
    make_scored("one", board, {"V4": 0.5})
    tag = client.get("/api/v1/boards/cortex")["ETag"]
    again = client.get("/api/v1/boards/cortex", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    make_scored("two", board, {"V4": 0.4})
    assert client.get("/api/v1/boards/cortex", headers={"if-none-match": tag}).status_code == 200


def test_lists_come_in_pages(client: Client, board: Benchmark) -> None:
    for n in range(5):
        make_submission(f"net{n}")
    page = client.get("/api/v1/models?limit=2&offset=2").json()
    assert page["count"] == 5
    assert [m["name"] for m in page["items"]] == ["net2", "net3"]


def test_scores_and_record_of_a_run(client: Client, board: Benchmark) -> None:
    run = make_scored("one", board, {"V1": 0.3, "V4": 0.5}).runs.get()
    rows = client.get(f"/api/v1/runs/{run.pk}/scores?layer=chosen").json()["items"]
    assert [(r["region"], r["value"]) for r in rows] == [("V1", 0.3), ("V4", 0.5)]
    record = client.get(f"/api/v1/runs/{run.pk}/record")
    assert json.loads(b"".join(record.streaming_content))["model"]["name"] == "one"


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/api/v1/boards/nothing", 404, "not-found"),
        ("/api/v1/models/nothing", 404, "not-found"),
        ("/api/v1/runs/00000000-0000-0000-0000-000000000000", 404, "not-found"),
        ("/api/v1/runs/not-a-uuid", 422, "invalid"),
        ("/api/v1/models?limit=x", 422, "invalid"),
        ("/api/v1/quota", 401, "unauthorised"),
        ("/api/v1/nosuch", 404, "not-found"),
        ("/api/v1/runs/", 404, "not-found"),
        ("/api/nosuch", 404, "not-found"),
        ("/api/v1/boards/cortex?sort=nosuch", 422, "unknown-name"),
    ],
)
def test_errors_have_one_shape(client: Client, board: Benchmark, address: str, status: int, code: str) -> None:
    _is_error(client.get(address), status, code)


def test_method_that_is_not_allowed_is_405_with_those_that_are(client: Client, db: None) -> None:
    answer = client.delete("/api/v1/models")
    assert _is_error(answer, 405, "method-not-allowed")["mend"] == "Allowed: GET, HEAD."
    assert answer["Allow"] == "GET, HEAD"


def test_head_is_answered_where_get_is(client: Client, board: Benchmark) -> None:
    for address in ("/api/v1/models", "/api/v1/boards/cortex", "/api/v1/schema/", "/api/"):
        answer = client.head(address)
        assert (answer.status_code, answer.content) == (200, b"")
    assert client.head("/api/v1/nosuch").status_code == 404
    assert client.head("/api/v1/submissions").status_code == 401


def test_record_of_an_unfinished_run_is_not_there(client: Client, board: Benchmark) -> None:
    run = make_run(make_submission("one"), board)
    assert "queued" in _is_error(client.get(f"/api/v1/runs/{run.pk}/record"), 404, "not-found")["detail"]


@pytest.mark.parametrize("header", ["Bearer gyral_wrong", "Bearer x", "Basic YTpi", "nonsense"])
def test_wrong_token_is_refused_even_where_none_is_needed(db: None, header: str) -> None:
    answer = Client(headers={"authorization": header}).get("/api/v1/models")
    _is_error(answer, 401, "unauthorised")


def test_revoked_token_is_refused(api: Client) -> None:
    assert api.get("/api/v1/quota").status_code == 200
    ApiToken.objects.get().revoke()
    _is_error(api.get("/api/v1/quota"), 401, "unauthorised")


def test_token_of_an_inactive_person_is_refused(api: Client, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)
    _is_error(api.get("/api/v1/quota"), 401, "unauthorised")


def test_session_cookie_opens_nothing(as_owner: Client, owner: User, board: Benchmark) -> None:
    make_scored("hidden", board, {"V4": 0.3}, owner=owner, visibility="private")
    assert as_owner.get("/api/v1/models").json()["count"] == 0
    assert as_owner.post("/api/v1/submissions").status_code == 401


def test_submit_queues_runs_and_follows_them(submit: Callable[..., Any], api: Client, board: Benchmark) -> None:
    answer = submit()
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["submission"]["name"], body["submission"]["visibility"]) == ("tiny-net", "private")
    assert [run["twin"] for run in body["runs"]] == ["", "untrained"]
    run = body["runs"][0]["id"]
    assert api.get(f"/api/v1/runs/{run}").json()["state"] == "queued"
    note(Run.objects.get(pk=run).pk, 1, "first line")
    log = api.get(f"/api/v1/runs/{run}/log").json()
    assert "first line" in log["text"]
    assert api.get(f"/api/v1/runs/{run}/log?after={log['next']}").json()["text"] == ""
    assert api.post(f"/api/v1/runs/{run}/cancel").json()["state"] == "cancelled"
    _is_error(api.post(f"/api/v1/runs/{run}/cancel"), 422, "not-active")
    assert api.post(f"/api/v1/runs/{run}/retry").json()["attempt"] == 2


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"file": None}, 422, "missing"),
        ({"benchmarks": "cortx"}, 422, "unknown-name"),
        ({"benchmarks": " , "}, 422, "missing"),
        ({"card": "{not json"}, 422, "invalid"),
        ({"card": json.dumps(CARD | {"colour": 1})}, 422, "card-key"),
        ({"card": json.dumps({"modality": "vision"})}, 422, "card-missing"),
        ({"benchmarks": "words"}, 422, "modality"),
        ({"format": "pickle"}, 422, "invalid"),
        ({"file": SimpleUploadedFile("model.onnx", b"not a graph")}, 422, "onnx-truncated"),
    ],
)
def test_submit_refuses_and_keeps_nothing(
    submit: Callable[..., Any], board: Benchmark, changes: dict[str, Any], status: int, code: str
) -> None:
    make_benchmark("words", modality="language")
    answer = submit(**changes)
    if code == "onnx-truncated":
        code = answer.json()["code"]
        assert code.startswith("onnx")
    _is_error(answer, status, code)
    assert not Submission.objects.exists()
    assert not Run.objects.exists()
    assert {p.name for p in conf.uploads().iterdir()} <= {".incoming"}


def test_submit_above_the_cap_is_413(submit: Callable[..., Any], board: Benchmark, settings: Any) -> None:
    settings.GYRAL_UPLOAD_BYTES = 100
    _is_error(submit(), 413, "too-large")


def test_submit_above_the_quota_is_429_and_keeps_nothing(
    submit: Callable[..., Any], board: Benchmark, settings: Any
) -> None:
    settings.GYRAL_RUNS_PER_DAY = 0
    body = _is_error(submit(), 429, "quota-day")
    assert "New ones come at" in body["mend"]
    assert not Submission.objects.exists()


def test_submit_twice_is_409(submit: Callable[..., Any], board: Benchmark) -> None:
    assert submit().status_code == 201
    _is_error(submit(), 409, "duplicate")
    assert Submission.objects.count() == 1


def test_submit_where_strangers_models_are_not_run_is_403(
    submit: Callable[..., Any], board: Benchmark, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GYRAL_LEAST_TIER = "landlock"
    monkeypatch.setattr(rules, "examine", lambda: Findings("process"))
    _is_error(submit(), 403, "unsandboxed")


def test_site_error_has_a_reference_and_no_traceback(
    client: Client, board: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("gyral_portal.api.read.arrange", fail)
    answer = client.get("/api/v1/boards/cortex")
    body = _is_error(answer, 500, "site-error")
    assert "reference" in body["detail"]
    assert "secret detail" not in answer.content.decode()
