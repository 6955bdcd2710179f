"""A new version from an earlier one: what is filled in, what is carried, and whose it is."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from board_rows import make_benchmark, make_run, make_submission
from gyral.models.card import ModelCard
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
