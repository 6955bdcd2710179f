"""Uploads in pieces over the API, as a program on the other side sends them."""

import hashlib
import http.client
import io
import json
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from gyral.models.catalogue import MODELS
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_submissions import conf
from gyral_submissions.models import Benchmark, Submission, Upload

pytestmark = pytest.mark.django_db(transaction=True)
MODEL = (Path(__file__).resolve().parents[2] / "fixtures" / "uploads" / "conv" / "model.onnx").read_bytes()
HASH = hashlib.sha256(MODEL).hexdigest()
CARD = {"name": "tiny-net", "modality": "vision", "image": {"size": 32, "crop": 1.0}}
FINISH = {"sha256": HASH, "benchmarks": ["cortex@0"], "card": CARD}


@pytest.fixture
def token(owner: User, settings: Any) -> str:
    settings.GYRAL_LEAST_TIER = "process"
    return create_token(owner, "test", Scope.SUBMIT)[1]


@pytest.fixture
def api(token: str) -> Client:
    return Client(headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def begun(api: Client) -> str:
    return begin(api)


def begin(api: Client) -> str:
    answer = api.post("/api/v1/uploads", {"format": "onnx"}, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return f"/api/v1/uploads/{answer.json()['id']}"


def put(api: Client, address: str, data: bytes, offset: int) -> Any:
    return api.put(f"{address}?offset={offset}", data, content_type="application/octet-stream")


def submit(api: Client, address: str, **changes: Any) -> Any:
    return api.post(f"{address}/submit", FINISH | changes, content_type="application/json")


def test_pieces_are_submitted_and_the_upload_is_gone(api: Client, begun: str, board: Benchmark) -> None:
    middle = len(MODEL) // 2
    assert put(api, begun, MODEL[:middle], 0).json()["received"] == middle
    assert api.get(begun).json()["received"] == middle
    assert put(api, begun, MODEL[middle:], middle).json()["received"] == len(MODEL)
    answer = submit(api, begun)
    assert answer.status_code == 201, answer.content
    assert [run["twin"] for run in answer.json()["runs"]] == ["", "untrained"]
    assert Submission.objects.get().sha256 == HASH
    assert api.get(begun).status_code == 404 and api.get("/api/v1/uploads").json() == []
    assert not list(conf.incoming().iterdir())


def test_a_wrong_offset_says_where_to_go_on(api: Client, begun: str) -> None:
    put(api, begun, MODEL[:10], 0)
    answer = put(api, begun, MODEL[:10], 0)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-offset")
    assert "from byte 10" in answer.json()["mend"]
    assert put(api, begun, b"", -1).status_code == 422


def test_pieces_larger_than_what_a_form_may_hold_are_streamed(api: Client, begun: str, settings: Any) -> None:
    assert put(api, begun, bytes(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 10), 0).status_code == 200
    settings.GYRAL_UPLOAD_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 20
    answer = put(api, begun, bytes(11), settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 10)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"sha256": "0" * 64}, 422, "sha256-differs"),
        ({"sha256": "short"}, 422, "invalid"),
        ({"benchmarks": []}, 422, "missing"),
        ({"benchmarks": [" , "]}, 422, "missing"),
        ({"benchmarks": ["cortx"]}, 422, "unknown-name"),
        ({"card": CARD | {"colour": 1}}, 422, "card-key"),
    ],
)
def test_what_is_refused_at_the_end_can_be_mended(
    changes: dict[str, Any], status: int, code: str, api: Client, begun: str, board: Benchmark
) -> None:
    put(api, begun, MODEL, 0)
    answer = submit(api, begun, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Submission.objects.exists()
    assert submit(api, begun).status_code == 201


def test_bytes_that_are_refused_for_good_are_forgotten(api: Client, begun: str, board: Benchmark) -> None:
    put(api, begun, b"no graph", 0)
    wrong = FINISH | {"sha256": hashlib.sha256(b"no graph").hexdigest()}
    kept = api.post(f"{begun}/submit", wrong, content_type="application/json")
    assert kept.status_code == 422 and len(api.get("/api/v1/uploads").json()) == 1  # a card came beside it
    begun = begin(api)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("model.onnx", MODEL)
        archive.writestr("gyral.toml", f'name = "{next(iter(MODELS))}"\nmodality = "vision"\n')
    put(api, begun, packed.getvalue(), 0)
    asked = {"sha256": hashlib.sha256(packed.getvalue()).hexdigest(), "benchmarks": ["cortex@0"]}
    answer = api.post(f"{begun}/submit", asked, content_type="application/json")
    assert answer.json()["code"] == "name-reserved" and api.get(begun).status_code == 404
    assert len(list(conf.incoming().iterdir())) == 1


def test_quota_that_ran_out_meanwhile_keeps_the_upload(
    api: Client, begun: str, board: Benchmark, settings: Any
) -> None:
    put(api, begun, MODEL, 0)
    settings.GYRAL_RUNS_PER_DAY = 0
    assert submit(api, begun).status_code == 429
    assert not Submission.objects.exists() and api.get(begun).json()["received"] == len(MODEL)


def test_uploads_are_their_owners_alone(api: Client, begun: str, stranger: User, operator: User) -> None:
    other = Client(headers={"authorization": f"Bearer {create_token(stranger, 'x', Scope.SUBMIT)[1]}"})
    for answer in (other.get(begun), put(other, begun, b"x", 0), other.delete(begun), submit(other, begun)):
        assert answer.status_code == 404
    assert Client().get(begun).status_code == 401
    reader = Client(headers={"authorization": f"Bearer {create_token(operator, 'x', Scope.READ)[1]}"})
    assert reader.get(begun).status_code == 403
    assert api.delete(begun).status_code == 204 and not Upload.objects.exists()


def test_a_connection_that_breaks_costs_what_was_not_sent(
    live_server: Any, token: str, api: Client, begun: str, board: Benchmark
) -> None:
    """A real socket: the sender says 4,000 bytes more than it sends, and goes away."""
    place = urlsplit(live_server.url)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    connection.putrequest("PUT", f"{begun}?offset=0")
    for name, value in {**headers, "Content-Length": str(len(MODEL) + 4000)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(MODEL[:1500])
    connection.sock.shutdown(1)
    assert json.loads(connection.getresponse().read())["received"] == 1500
    connection.close()
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    connection.request("PUT", f"{begun}?offset=1500", MODEL[1500:], headers)
    assert json.loads(connection.getresponse().read())["received"] == len(MODEL)
    connection.close()
    assert submit(api, begun).status_code == 201
