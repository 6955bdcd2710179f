"""The submission form's large files in pieces, as its script sends them."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from gyral_submissions.domain import upload as uploads
from gyral_submissions.enums import Format
from gyral_submissions.models import Benchmark, Run, Submission, Upload

pytestmark = pytest.mark.django_db(transaction=True)
MODEL = (Path(__file__).resolve().parents[2] / "fixtures" / "uploads" / "conv" / "model.onnx").read_bytes()
FORM = {
    "format": "onnx",
    "name": "pieced-net",
    "modality": "vision",
    "image_size": "32",
    "image_crop": "1.0",
    "benchmarks": ["cortex@0"],
    "visibility": "private",
    "upload_name": "model.onnx",
}


@pytest.fixture(autouse=True)
def open_door(settings: Any) -> None:
    settings.GYRAL_LEAST_TIER = "process"


def _begin(client: Client) -> dict[str, Any]:
    answer = client.post("/submit/uploads/", {"format": "onnx"})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def _put(client: Client, told: dict[str, Any], data: bytes, offset: object) -> Any:
    address = f"{told['address']}?offset={offset}"
    return client.put(address, data, content_type="application/octet-stream")


def test_a_form_is_submitted_with_the_pieces_that_came_before(as_owner: Client, board: Benchmark) -> None:
    told, middle = _begin(as_owner), len(MODEL) // 2
    assert _put(as_owner, told, MODEL[:middle], 0).json()["received"] == middle
    assert as_owner.get(told["address"]).json() == {**told, "received": middle}
    assert _put(as_owner, told, MODEL[middle:], middle).json()["received"] == len(MODEL)
    response = as_owner.post("/submit/", FORM | {"upload": told["id"]})
    assert response["Location"] == f"/runs/{Run.objects.get(twin='').pk}/"
    assert Submission.objects.get().size == len(MODEL) and not Upload.objects.exists()


def test_a_form_with_mistakes_keeps_the_upload(as_owner: Client, board: Benchmark) -> None:
    told = _begin(as_owner)
    _put(as_owner, told, MODEL, 0)
    page = as_owner.post("/submit/", FORM | {"upload": told["id"], "name": "No Name"})
    assert page.status_code == 400
    assert f'name="upload" value="{told["id"]}"' in page.content.decode()
    assert "your file <code>model.onnx</code> is kept" in page.content.decode()
    assert "unfinished upload" not in page.content.decode()
    assert as_owner.post("/submit/", FORM | {"upload": told["id"]}).status_code == 302


def test_a_file_that_is_itself_wrong_is_not_kept(as_owner: Client, board: Benchmark) -> None:
    told = _begin(as_owner)
    _put(as_owner, told, b"no model at all", 0)
    page = as_owner.post("/submit/", FORM | {"upload": told["id"]})
    assert page.status_code == 400 and 'name="upload" value=""' in page.content.decode()
    assert not Upload.objects.exists()


def test_a_file_in_pieces_is_named_and_told_together_with_other_faults(as_owner: Client, board: Benchmark) -> None:
    told = _begin(as_owner)
    _put(as_owner, told, b"import os", 0)
    page = as_owner.post("/submit/", FORM | {"upload": told["id"], "upload_name": "evil.py", "benchmarks": []})
    assert set(page.context["form"].errors) == {"file", "benchmarks"}
    assert page.context["form"].errors["file"][0].startswith("evil.py: it is a program")
    assert not Upload.objects.exists() and "</code> is kept" not in page.content.decode()
    told = _begin(as_owner)
    _put(as_owner, told, b"\x08 no graph", 0)
    page = as_owner.post("/submit/", FORM | {"upload": told["id"], "upload_name": "b.onnx"})
    assert page.context["form"].errors["file"][0].startswith("b.onnx: ")


def test_what_is_chosen_later_may_be_another_format(as_owner: Client, board: Benchmark) -> None:
    told = dict(as_owner.post("/submit/uploads/", {"format": "safetensors"}).json())
    _put(as_owner, told, MODEL, 0)
    assert as_owner.post("/submit/", FORM | {"upload": told["id"]}).status_code == 302
    assert Submission.objects.get().format == Format.ONNX


@pytest.mark.parametrize("offset", [3, "x", -1, ""])
def test_a_piece_that_does_not_follow_is_refused(offset: object, as_owner: Client, board: Benchmark) -> None:
    answer = _put(as_owner, _begin(as_owner), b"abc", offset)
    assert answer.status_code == (409 if offset == 3 else 422) and answer.json()["what"]


def test_what_cannot_begin_is_said_with_the_fault_s_page(
    as_owner: Client, owner: User, board: Benchmark, settings: Any
) -> None:
    assert as_owner.post("/submit/uploads/", {"format": "pickles"}).status_code == 422
    settings.GYRAL_OPEN_UPLOADS = 1
    _begin(as_owner)
    answer = as_owner.post("/submit/uploads/", {"format": "onnx"})
    assert (answer.status_code, answer.json()["page"]) == (422, "/faults/uploads-open/")


def test_an_unfinished_upload_is_shown_and_can_be_discarded(as_owner: Client, board: Benchmark) -> None:
    told = _begin(as_owner)
    assert "1 unfinished upload of yours" in as_owner.get("/submit/").content.decode()
    as_owner.post(f"{told['address']}discard/")
    assert "unfinished" not in as_owner.get("/submit/").content.decode().replace(
        "The unfinished upload is gone", ""
    )
    assert not Upload.objects.exists()


def test_another_s_upload_is_neither_told_nor_taken_nor_discarded(
    as_owner: Client, owner: User, stranger: User, board: Benchmark
) -> None:
    theirs = uploads.begin(stranger, Format.ONNX)
    told = {"address": f"/submit/uploads/{theirs.pk}/"}
    assert as_owner.get(told["address"]).status_code == 404
    assert _put(as_owner, told, MODEL, 0).status_code == 404
    as_owner.post(f"{told['address']}discard/")
    assert Upload.objects.filter(pk=theirs.pk, received=0).exists()
    page = as_owner.post("/submit/", FORM | {"upload": str(theirs.pk)})
    assert page.status_code == 400 and "no longer here" in page.content.decode()


def test_pieces_need_the_form_s_token(owner: User, board: Benchmark) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)
    assert strict.post("/submit/uploads/", {"format": "onnx"}).status_code == 403
    made = uploads.begin(owner, Format.ONNX)
    assert _put(strict, {"address": f"/submit/uploads/{made.pk}/"}, b"x", 0).status_code == 403
