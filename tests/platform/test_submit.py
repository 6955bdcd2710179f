"""The submission form: what it takes, and what it says."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from board_rows import make_benchmark
from gyral.isolation.tier import Findings
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_portal.portal.held import hold, let_go, open_held
from gyral_submissions import conf, rules
from gyral_submissions.enums import Format, Tier, Visibility
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)
UPLOADS = Path(__file__).resolve().parents[2] / "fixtures" / "uploads"


@pytest.fixture(autouse=True)
def open_door(settings: Any) -> None:
    settings.GYRAL_LEAST_TIER = "process"


def _model() -> SimpleUploadedFile:
    return SimpleUploadedFile("model.onnx", (UPLOADS / "conv" / "model.onnx").read_bytes())


def _fields(**changes: Any) -> dict[str, Any]:
    fields = {
        "format": "onnx",
        "name": "tiny-net",
        "title": "Tiny net",
        "modality": "vision",
        "image_size": "32",
        "image_crop": "1.0",
        "image_mean": "0.485, 0.456, 0.406",
        "image_std": "0.229, 0.224, 0.225",
        "text_pooling": "mean",
        "text_max_tokens": "128",
        "benchmarks": ["cortex@0"],
        "visibility": "private",
        "file": _model(),
    }
    return {k: v for k, v in (fields | changes).items() if v is not None}


def _errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 400
    return {name: list(errors) for name, errors in response.context["form"].errors.items()}


def test_submit_takes_a_model_and_queues_it_with_its_twin(as_owner: Client, board: Benchmark, owner: User) -> None:
    response = as_owner.post("/submit/", _fields())
    submission = Submission.objects.get()
    assert (submission.name, submission.owner, submission.format) == ("tiny-net", owner, Format.ONNX)
    assert (submission.tier, submission.visibility) == (Tier.VERIFIED, Visibility.PRIVATE)
    assert submission.card["image"]["size"] == 32
    runs = Run.objects.order_by("twin")
    assert [(r.twin, r.state) for r in runs] == [("", "queued"), ("untrained", "queued")]
    assert response["Location"] == f"/runs/{runs[0].pk}/"


def test_submit_takes_a_features_archive_with_its_own_card(as_owner: Client, db: None) -> None:
    make_benchmark("words", modality="language")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in (UPLOADS / "features").iterdir():
            archive.write(file, file.name)
    file = SimpleUploadedFile("features.zip", packed.getvalue())
    as_owner.post(
        "/submit/", _fields(format="features", own_card="on", name="", file=file, benchmarks=["words@0"])
    )
    submission = Submission.objects.get()
    assert (submission.name, submission.tier, submission.has_twin) == ("tiny-features", Tier.SELF_REPORTED, False)
    assert [(r.twin, r.benchmark.name) for r in Run.objects.all()] == [("", "words")]


@pytest.mark.parametrize(("folder", "format_"), [("conv", "onnx"), ("bert", "safetensors")])
def test_submit_takes_a_zip_with_its_own_card(
    as_owner: Client, board: Benchmark, folder: str, format_: str
) -> None:
    make_benchmark("words", modality="language")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in (UPLOADS / folder).iterdir():
            archive.write(file, file.name)
    fields = {"format": format_, "own_card": "on", "name": "", "benchmarks": ["cortex@0"]}
    if folder == "bert":
        fields["benchmarks"] = ["words@0"]
    as_owner.post("/submit/", _fields(**fields, file=SimpleUploadedFile("model.zip", packed.getvalue())))
    assert Submission.objects.get().format == format_


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"file": None}, "file", "Choose a file."),
        ({"name": ""}, "name", "Give the model a name, or say above"),
        ({"name": "Has Spaces"}, "name", "Lower-case letters"),
        ({"image_size": "4"}, "image_size", "at least 8"),
        ({"image_size": "many"}, "image_size", "whole number"),
        ({"image_crop": "1.5"}, "image_crop", "at most 1"),
        ({"image_mean": "0.5, 0.5"}, "image_mean", "not three numbers"),
        ({"benchmarks": []}, "benchmarks", "Choose at least one benchmark."),
        ({"benchmarks": ["nothing@0"]}, "benchmarks", "not one of the available choices"),
        ({"modality": "language"}, "benchmarks", "A language model cannot be scored on: Cortex."),
        ({"own_card": "on"}, "own_card", "An .onnx file carries no card"),
        ({"format": "pickle"}, "format", "not one of the available choices"),
        ({"file": SimpleUploadedFile("model.onnx", b"")}, "file", "empty"),
        ({"file": SimpleUploadedFile("model.onnx", b"not a graph")}, "file", ""),
        ({"format": "safetensors"}, "file", ""),
        ({"layers": "nosuch"}, "layers", "nknown layer"),
    ],
)
def test_submit_says_what_is_wrong_beside_the_field(
    as_owner: Client, board: Benchmark, changes: dict[str, Any], field: str, said: str
) -> None:
    errors = _errors(as_owner.post("/submit/", _fields(**changes)))
    assert list(errors) == [field]
    assert said in errors[field][0]
    assert not Submission.objects.exists()
    assert not Run.objects.exists()


def test_errors_that_begin_with_a_file_name_keep_its_letters(as_owner: Client, board: Benchmark) -> None:
    file = SimpleUploadedFile("model.onnx", b"not a graph")
    assert _errors(as_owner.post("/submit/", _fields(file=file)))["file"][0].startswith("model.onnx: ")


@pytest.mark.parametrize(
    ("name", "data", "format_", "said"),
    [
        ("evil.py", b"import os", "onnx", "evil.py: it is a program"),
        ("net.pt", b"PK\x03\x04 and more", "onnx", "net.pt: it is a PyTorch pickle"),
        ("model.onnx", b"\x80\x02}q\x00.", "onnx", "model.onnx: it is a pickle"),
        ("model.onnx", b"\x08\x07 and more", "safetensors", "model.onnx: it is not a zip or tar archive."),
    ],
)
def test_submit_tells_a_wrong_file_together_with_other_faults_and_does_not_keep_it(
    as_owner: Client, board: Benchmark, name: str, data: bytes, format_: str, said: str
) -> None:
    file = SimpleUploadedFile(name, data)
    response = as_owner.post("/submit/", _fields(file=file, format=format_, benchmarks=[]))
    errors = _errors(response)
    assert set(errors) == {"file", "benchmarks"} and errors["file"][0].startswith(said)
    assert response.context["held"] == "" and "</code> is kept" not in response.content.decode()


@pytest.mark.parametrize("own", [False, True])
def test_faults_name_the_file_as_it_was_sent(as_owner: Client, board: Benchmark, owner: User, own: bool) -> None:
    file = SimpleUploadedFile("a.onnx", b"\x08 not a graph")
    assert _errors(as_owner.post("/submit/", _fields(file=file)))["file"][0].startswith("a.onnx: ")
    file = SimpleUploadedFile("my net.zip", b"PK\x03\x04 truncated")
    fields = _fields(file=file, format="safetensors", **({"own_card": "on", "name": ""} if own else {}))
    assert _errors(as_owner.post("/submit/", fields))["file"][0].startswith("my net.zip: ")


def test_submit_says_that_model_and_twin_are_queued(as_owner: Client, board: Benchmark) -> None:
    text = as_owner.post("/submit/", _fields(), follow=True).content.decode()
    assert "tiny-net v1 is here. Queued: the model and its untrained twin." in text


def test_submit_shows_all_faults_at_once_and_keeps_what_was_typed(as_owner: Client, board: Benchmark) -> None:
    response = as_owner.post("/submit/", _fields(name="No!", image_std="x", title="Kept", benchmarks=[]))
    assert set(_errors(response)) == {"name", "image_std", "benchmarks"}
    text = response.content.decode()
    assert 'value="Kept"' in text
    assert 'value="No!"' in text


def test_submit_keeps_the_file_of_a_form_with_mistakes(as_owner: Client, board: Benchmark) -> None:
    response = as_owner.post("/submit/", _fields(name="No!"))
    token = response.context["held"]
    assert token
    assert "model.onnx" in response.content.decode()
    response = as_owner.post("/submit/", _fields(file=None, held=token))
    assert response.status_code == 302
    assert Submission.objects.get().size == (UPLOADS / "conv" / "model.onnx").stat().st_size
    assert list(conf.incoming().iterdir()) == []


def test_submit_does_not_keep_a_file_that_is_itself_wrong(as_owner: Client, board: Benchmark) -> None:
    response = as_owner.post("/submit/", _fields(file=SimpleUploadedFile("model.onnx", b"not a graph")))
    assert response.context["held"] == ""
    assert list(conf.incoming().iterdir()) == []


def test_held_file_is_its_owners_alone(owner: User, stranger: User) -> None:
    token = hold(SimpleUploadedFile("model.onnx", b"bytes"), owner)
    file = open_held(token, owner)
    assert file is not None
    with file:
        assert (file.name, file.read()) == ("model.onnx", b"bytes")
    assert open_held(token, stranger) is None
    assert open_held(token + "x", owner) is None
    let_go(token)
    assert open_held(token, owner) is None


def test_submit_drops_a_file_above_the_cap_while_it_streams(
    as_owner: Client, board: Benchmark, settings: Any
) -> None:
    settings.GYRAL_UPLOAD_BYTES = 1000
    errors = _errors(as_owner.post("/submit/", _fields()))
    assert list(errors) == ["file"]
    assert "larger than" in errors["file"][0]
    assert list(conf.incoming().iterdir()) == []


def test_help_shows_commands_as_code(as_owner: Client, board: Benchmark) -> None:
    text = as_owner.get("/submit/").content.decode()
    assert "<code>gyral overlap --list</code>" in text and "`" not in text


def test_submit_says_how_much_quota_is_left(as_owner: Client, board: Benchmark, settings: Any) -> None:
    settings.GYRAL_RUNS_PER_DAY = 1
    make_benchmark("second")
    assert "1 of 1 evaluations left today, and 10 of 10 dry runs" in as_owner.get("/submit/").content.decode()
    errors = _errors(as_owner.post("/submit/", _fields(benchmarks=["cortex@0", "second@0"])))
    assert "2 benchmarks are chosen, and 1 of 1 evaluations are left today" in errors["benchmarks"][0]


def test_submit_is_closed_for_strangers_models_until_the_operator_opens_it(
    as_owner: Client, board: Benchmark, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GYRAL_LEAST_TIER = "landlock"
    monkeypatch.setattr(rules, "examine", lambda: Findings("process"))
    assert "does not run models" in as_owner.get("/submit/").content.decode()
    errors = _errors(as_owner.post("/submit/", _fields()))
    assert "sandbox" in errors["format"][0]


def test_submit_refuses_a_taken_name_and_a_duplicate(
    as_owner: Client, board: Benchmark, owner: User, stranger: User
) -> None:
    Submission.objects.create(
        owner=stranger, name="taken", modality="vision", format="onnx", tier="verified", visibility="public"
    )
    assert "taken" in _errors(as_owner.post("/submit/", _fields(name="taken")))["name"][0]
    assert as_owner.post("/submit/", _fields()).status_code == 302
    assert "same model before" in _errors(as_owner.post("/submit/", _fields(name="again")))["file"][0]


STATES = [
    {"visibility": "public"},
    {"visibility": "unlisted"},
    {"visibility": "private"},
    {"visibility": "public", "withdrawn": timezone.now()},
    {"visibility": "private", "deleted": timezone.now()},
]


def _taken(stranger: User, name: str, **changes: Any) -> None:
    fields = {"modality": "vision", "format": "onnx", "tier": "verified", "visibility": "private", **changes}
    Submission.objects.create(owner=stranger, name=name, **fields)


def _by_form(client: Client, name: str) -> str:
    return _errors(client.post("/submit/", _fields(name=name)))["name"][0]


def _by_api(owner: User, name: str) -> Any:
    token = create_token(owner, "test", Scope.SUBMIT)[1]
    card = json.dumps({"name": name, "modality": "vision", "image": {"size": 32, "crop": 1.0}})
    fields = {"format": "onnx", "benchmarks": "cortex", "card": card, "file": _model()}
    return Client(headers={"authorization": f"Bearer {token}"}).post("/api/v1/submissions", fields)


def test_a_taken_name_has_one_answer_whoever_may_see_the_model(
    as_owner: Client, board: Benchmark, owner: User, stranger: User, settings: Any
) -> None:
    settings.GYRAL_TAKEN_NAMES_PER_DAY = 0
    for k, state in enumerate(STATES):
        _taken(stranger, f"name-{k}", **state)
    pages = {_by_form(as_owner, f"name-{k}").replace(f"name-{k}", "NAME") for k in range(len(STATES))}
    answers = [_by_api(owner, f"name-{k}") for k in range(len(STATES))]
    told = {(a.status_code, a.content.decode().replace(f"name-{k}", "NAME")) for k, a in enumerate(answers)}
    assert len(pages) == len(told) == 1
    assert "names are unique across the site" in pages.pop()
    assert "Names are unique across the site" in as_owner.get("/submit/").content.decode()


def test_taken_names_are_told_a_few_times_a_day_by_both_doors(
    as_owner: Client, board: Benchmark, owner: User, stranger: User, settings: Any
) -> None:
    settings.GYRAL_TAKEN_NAMES_PER_DAY = 2
    _taken(stranger, "hush")
    assert as_owner.post("/submit/", _fields(name="mine")).status_code == 302
    assert "taken" in _by_form(as_owner, "hush")
    assert _by_api(owner, "hush").json()["code"] == "name-taken"
    spent = [_by_api(owner, name) for name in ("hush", "nobodys")]
    for answer in spent:  # one that is free gets the same answer: else it would be told what is not taken
        assert (answer.status_code, answer.json()["code"]) == (429, "quota-names")
        assert int(answer["Retry-After"]) > 0
    assert "2 of the names you chose today were taken" in _by_form(as_owner, "nobodys")
    # One's own names are no guesses, and others have counts of their own.
    assert "same model before" in _errors(as_owner.post("/submit/", _fields(name="mine")))["file"][0]
    assert _by_api(stranger, "nobodys").status_code == 201


def test_score_on_another_benchmark(as_owner: Client, board: Benchmark) -> None:
    as_owner.post("/submit/", _fields())
    submission = Submission.objects.get()
    second, words = make_benchmark("second"), make_benchmark("words", modality="language")
    page = as_owner.get(f"/submissions/{submission.pk}/").content.decode()
    assert second.identifier in page
    assert f'value="{words.identifier}"' not in page
    assert f'value="{board.identifier}"' not in page
    as_owner.post(f"/submissions/{submission.pk}/score/", {"benchmarks": [second.identifier]})
    assert Run.objects.filter(benchmark=second).count() == 2
