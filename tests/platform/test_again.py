"""A new version from an earlier one: what is filled in, what is carried, and whose it is."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from board_rows import make_benchmark, make_run, make_submission
from gyral.models.card import ModelCard
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_portal.portal.again import carried, filled
from gyral_submissions.enums import Format
from gyral_submissions.models import Benchmark, Submission

pytestmark = pytest.mark.django_db(transaction=True)
MODEL = Path(__file__).resolve().parents[2] / "fixtures" / "uploads" / "conv" / "model.onnx"
CARD = ModelCard(
    name="tiny-net",
    title="Tiny net",
    modality="vision",
    family="ConvNet",
    parameters=1234,
    url="https://example.org/tiny",
    layers=("/0/Conv_output_0",),
    training_datasets=("imagenet-1k",),
    image={"size": 32, "crop": 1.0, "resize": "square", "interpolation": "bilinear"},
)


@pytest.fixture
def earlier(owner: User, board: Benchmark) -> Submission:
    """Version 1, scored on a benchmark that has a newer version now, tried on another."""
    found = make_submission(
        "tiny-net", owner=owner, visibility="unlisted", title="Tiny net", card=CARD.model_dump(mode="json")
    )
    make_run(found, board, {"V1": 0.1, "V4": 0.2})
    make_run(found, make_benchmark("sim", simulated=True), dry=True)
    make_benchmark("cortex", 1)
    return found


def _posted(response: Any) -> dict[str, Any]:
    """What a browser would send of the form as it was given."""
    form = response.context["form"]
    shown = {bound.html_name: bound.field.prepare_value(bound.value()) for bound in form}
    hidden = {"of": str(form.earlier.pk)}
    assert f'name="of" value="{hidden["of"]}"' in response.content.decode()
    return hidden | {name: value for name, value in shown.items() if value not in (None, False, "")}


def test_form_is_filled_in_from_the_version_before(as_owner: Client, earlier: Submission) -> None:
    response = as_owner.get(f"/submit/?of={earlier.pk}")
    page = response.content.decode()
    assert "Version 2 of Tiny net" in page
    values = _posted(response)
    assert {k: values[k] for k in ("of", "name", "title", "family", "parameters", "visibility", "format")} == {
        "of": str(earlier.pk),
        "name": "tiny-net",
        "title": "Tiny net",
        "family": "ConvNet",
        "parameters": 1234,
        "visibility": "unlisted",
        "format": "onnx",
    }
    assert (values["image_size"], values["training_datasets"]) == (32, "imagenet-1k")
    assert values["layers"].strip() == "/0/Conv_output_0"
    assert values["benchmarks"] == ["cortex@1"]
    assert "image.resize = square" in page and "url = https://example.org/tiny" in page


def test_new_version_keeps_what_the_form_has_no_field_for(
    as_owner: Client, earlier: Submission, settings: Any
) -> None:
    settings.GYRAL_LEAST_TIER = "process"
    values = _posted(as_owner.get(f"/submit/?of={earlier.pk}"))
    values |= {"file": SimpleUploadedFile("model.onnx", MODEL.read_bytes()), "layers": "", "title": "Tinier net"}
    wrong = as_owner.post("/submit/", values | {"image_size": "many"})
    assert wrong.status_code == 400 and f'name="of" value="{earlier.pk}"' in wrong.content.decode()
    values["file"].seek(0)
    as_owner.post("/submit/", values)
    found = Submission.objects.get(name="tiny-net", version=2)
    want = CARD.model_dump(mode="json") | {"title": "Tinier net", "layers": []}
    assert found.card == want
    assert [(r.benchmark.identifier, r.dry) for r in found.runs.filter(twin="")] == [("cortex@1", False)]


def test_earlier_versions_of_others_fill_nothing_in(
    as_owner: Client, earlier: Submission, stranger: User, operator: User
) -> None:
    for person in (stranger, operator):
        client = Client()
        client.force_login(person)
        assert client.get(f"/submit/?of={earlier.pk}").status_code == 404
        assert client.post("/submit/", {"of": str(earlier.pk)}).status_code == 404
    for number in ("0", "-1", "x", "9" * 30):
        assert as_owner.get(f"/submit/?of={number}").status_code == 404


def test_another_name_than_that_of_the_version_before_is_refused(
    as_owner: Client, earlier: Submission, settings: Any
) -> None:
    settings.GYRAL_LEAST_TIER = "process"
    values = _posted(as_owner.get(f"/submit/?of={earlier.pk}")) | {"name": "other", "layers": ""}
    answer = as_owner.post("/submit/", values | {"file": SimpleUploadedFile("model.onnx", MODEL.read_bytes())})
    assert answer.status_code == 400 and "a new version of &#x27;tiny-net&#x27;" in answer.content.decode()
    assert Submission.objects.count() == 1


Sending = Callable[..., Any]


@pytest.fixture(params=["whole", "pieces"])
def send(request: pytest.FixtureRequest, owner: User, settings: Any) -> Sending:
    """Sends the graph over the API, whole or in pieces."""
    settings.GYRAL_LEAST_TIER = "process"
    data = MODEL.read_bytes()

    def post(user: User = owner, file: bytes = data, name: str = "model.onnx", **fields: Any) -> Any:
        api = Client(headers={"authorization": f"Bearer {create_token(user, 'test', Scope.SUBMIT)[1]}"})
        fields = {"new_version_of": "tiny-net"} | fields
        if request.param == "whole":
            said = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in fields.items()}
            return api.post(
                "/api/v1/submissions", said | {"format": "onnx", "file": SimpleUploadedFile(name, file)}
            )
        begun = api.post("/api/v1/uploads", {"format": "onnx"}, content_type="application/json").json()["id"]
        address = f"/api/v1/uploads/{begun}"
        api.put(f"{address}?offset=0", file, content_type="application/octet-stream")
        said = fields | {"sha256": hashlib.sha256(file).hexdigest()}
        return api.post(f"{address}/submit", said, content_type="application/json")

    return post


@pytest.fixture
def read_all(earlier: Submission) -> Submission:
    """The version before with a card that names no layers: those of the fixture have other names."""
    earlier.card |= {"layers": []}
    earlier.save()
    return earlier


def test_api_takes_card_benchmarks_and_visibility_of_the_version_before(
    send: Sending, read_all: Submission
) -> None:
    answer = send()
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["submission"]["version"], told["submission"]["visibility"]) == (2, "unlisted")
    assert told["submission"]["card"] == read_all.card
    assert [(r["benchmark"], r["twin"]) for r in told["runs"]] == [("cortex@1", ""), ("cortex@1", "untrained")]


def test_api_takes_what_was_said_before_what_the_version_before_has(
    send: Sending, read_all: Submission, board: Benchmark
) -> None:
    card = {"name": "tiny-net", "modality": "vision", "title": "Tinier", "image": {"size": 32, "crop": 1.0}}
    told = send(card=card, benchmarks=["cortex@0"], visibility="public").json()
    assert (told["submission"]["title"], told["submission"]["visibility"]) == ("Tinier", "public")
    assert told["submission"]["card"]["url"] == "" and {r["benchmark"] for r in told["runs"]} == {"cortex@0"}


def test_api_takes_the_card_in_the_archive_first(send: Sending, read_all: Submission) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.write(MODEL, "model.onnx")
        archive.writestr("gyral.toml", (MODEL.parent / "gyral.toml").read_text().replace("tiny-conv", "tiny-net"))
    told = send(file=stream.getvalue(), name="model.zip").json()
    assert told["submission"]["card"]["url"] == "" and told["submission"]["version"] == 2


def test_api_keeps_the_name(send: Sending, read_all: Submission) -> None:
    answer = send(card={"name": "other", "modality": "vision"})
    assert (answer.status_code, answer.json()["code"], answer.json()["where"]) == (409, "name-differs", "name")
    assert Submission.objects.count() == 1


def test_a_version_that_was_only_tried_is_scored_where_the_one_before_was(
    send: Sending, read_all: Submission
) -> None:
    tried = send(dry_run=True).json()
    assert [r["dry"] for r in tried["runs"]] == [True]
    told = send().json()
    assert told["submission"]["version"] == 2 and {r["benchmark"] for r in told["runs"]} == {"cortex@1"}


def test_a_model_of_others_is_as_one_that_is_not_there(
    send: Sending, read_all: Submission, stranger: User, operator: User
) -> None:
    read_all.visibility = "public"
    read_all.save()
    make_submission("catalogued")
    asked = [(stranger, "tiny-net"), (operator, "tiny-net"), (stranger, "nobodys"), (stranger, "catalogued")]
    for user, name in asked:
        answer = send(user, new_version_of=name)
        body = answer.json()
        assert (answer.status_code, body["code"], body["where"]) == (404, "not-found", "new_version_of")
        assert body["detail"] == f"there is no model {name!r} of yours."
    assert send(new_version_of="No Name").status_code == 422
    read_all.deleted = timezone.now()
    read_all.save()
    assert send().status_code == 404
    assert Submission.objects.count() == 2


def test_a_version_before_that_was_never_scored_names_no_benchmarks(send: Sending, owner: User) -> None:
    make_submission("tiny-net", owner=owner, card=CARD.model_dump(mode="json"))
    answer = send()
    assert (answer.status_code, answer.json()["code"], answer.json()["where"]) == (422, "missing", "benchmarks")


def test_pages_of_a_version_lead_to_the_next(as_owner: Client, earlier: Submission) -> None:
    address = f"/submit/?of={earlier.pk}"
    failed = make_run(earlier, make_benchmark("third"), state="failed", fault="submitter", fault_code="x")
    for page in (f"/submissions/{earlier.pk}/", "/models/tiny-net/", f"/runs/{failed.pk}/"):
        earlier.visibility = "public"
        earlier.save()
        assert address in as_owner.get(page).content.decode(), page
    assert address not in Client().get("/models/tiny-net/").content.decode()


def test_language_cards_carry_their_own_table(owner: User) -> None:
    card = ModelCard(name="words", modality="language", text={"lowercase": True, "max_tokens": 64})
    found = make_submission(
        "words",
        owner=owner,
        modality="language",
        format=Format.SAFETENSORS,
        card=card.model_dump(mode="json"),
    )
    assert carried(found) == {"text.lowercase": True}
    assert (filled(found)["text_max_tokens"], filled(found)["benchmarks"]) == (64, [])
