"""What pages and the API say of trust: tiers, training data, answers given."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from board_rows import make_benchmark, make_run, make_scored, make_submission
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_submissions.domain import exposure
from gyral_submissions.enums import Format, State, Tier, Twin
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)
MODEL = Path(__file__).resolve().parents[2] / "fixtures" / "uploads" / "conv" / "model.onnx"
SENT: dict[str, Any] = {"format": Format.FEATURES, "tier": Tier.SELF_REPORTED, "has_twin": False}
MARK = "†"


def page(client: Client, address: str) -> str:
    return client.get(address).content.decode()


@pytest.fixture
def sent(board: Benchmark, owner: User) -> Submission:
    """The best model of the board, whose features were sent."""
    make_scored("honest", board, {"V1": 0.3, "V4": 0.4}, owner=owner)
    make_scored("ours", board, {"V1": 0.2, "V4": 0.3})
    return make_scored("boaster", board, {"V1": 0.8, "V4": 0.9}, owner=owner, **SENT)


def test_self_reported_score_is_never_shown_without_its_mark(client: Client, sent: Submission) -> None:
    board = page(client, "/boards/cortex/")
    row = board[board.index("boaster") : board.index("honest")]
    assert board.index("boaster") < board.index("honest"), "it stands first, and says what it is"
    assert row.count(MARK) == 3, "beside the name and in both cells"
    assert MARK not in board[board.index("honest") : board.index("</table>")]
    for address in ("/", "/boards/"):
        leaders = page(client, address)
        assert "self-reported" in leaders[leaders.index("boaster") : leaders.index("honest")]
    assert "self-reported" in page(client, "/models/boaster/")
    run = sent.runs.get()
    assert "nobody here ran the model" in page(client, f"/records/{run.pk}/")
    (honest,) = Run.objects.filter(submission__name="honest")
    assert "nobody here ran the model" not in page(client, f"/records/{honest.pk}/")


def test_tier_goes_through_exports_and_filters(client: Client, sent: Submission) -> None:
    cells = client.get("/api/v1/boards/cortex").json()["cells"]
    assert {c["model"]: c["tier"] for c in cells} == {
        "boaster": "self-reported",
        "honest": "verified",
        "ours": "reference",
    }
    only = client.get("/api/v1/boards/cortex?tier=verified").json()["cells"]
    assert {c["model"] for c in only} == {"honest"}
    for what, name in (("models", "name"), ("runs", "model")):
        for tier, model in (("self-reported", "boaster"), ("verified", "honest"), ("reference", "ours")):
            found = client.get(f"/api/v1/{what}?tier={tier}").json()["items"]
            assert [(m[name], m["tier"]) for m in found] == [(model, tier)]
        wrong = client.get(f"/api/v1/{what}?tier=verifed")
        assert wrong.status_code in (404, 422) and "Did you mean 'verified'" in wrong.json()["mend"]


def test_api_calls_nothing_verified_that_was_never_scored(owner: User, board: Benchmark) -> None:
    model = make_submission("hopeful", owner=owner)
    make_run(model, board)
    make_run(model, board, {"V4": 0.3}, dry=True)
    make_run(model, board, {"V4": 0.1}, twin=Twin.UNTRAINED)
    client = Client(headers={"authorization": f"Bearer {create_token(owner, 't', Scope.MANAGE)[1]}"})

    def told() -> list[str | None]:
        lists = [client.get(f"/api/v1/{what}").json()["items"][0] for what in ("models", "submissions")]
        one = client.get("/api/v1/models/hopeful").json()[0]
        changed = client.patch(
            f"/api/v1/submissions/{model.pk}", {"visibility": "public"}, content_type="application/json"
        )
        return [found["tier"] for found in (*lists, one, changed.json())]

    assert told() == [None] * 4 and "not scored yet" in page(client, "/models/hopeful/")
    assert client.get("/api/v1/models?tier=verified").json()["items"] == []
    queued = model.runs.get(state=State.QUEUED)
    assert client.get(f"/api/v1/runs/{queued.pk}").json()["tier"] is None
    assert str(queued.pk) not in client.get("/api/v1/runs?tier=verified").content.decode()
    queued.delete()
    make_run(model, board, {"V4": 0.3})
    assert told() == ["verified"] * 4 and "not scored yet" not in page(client, "/models/hopeful/")


@pytest.mark.parametrize(
    ("trained_on", "title"),
    [(["coco"], "overlap declared"), (["imagenet-1k"], "no overlap"), (["laion"], "unknown"), ([], "unknown")],
)
def test_model_page_says_what_is_declared_of_training_data(
    client: Client, owner: User, trained_on: list[str], title: str
) -> None:
    benchmark = make_benchmark("scenes", about={"drawn_from": ["coco"]})
    card = {"family": "ResNet", "training_datasets": trained_on}
    make_scored("net", benchmark, {"V1": 0.3, "V4": 0.4}, owner=owner, card=card)
    shown = page(client, "/models/net/")
    assert f"Overlap of training data and stimuli: <strong>{title}</strong>." in shown
    assert ("Trained on" in shown) == bool(trained_on)
    assert "COCO (images of NSD and of many captions)" in page(client, "/benchmarks/scenes/")


def test_record_page_says_what_was_declared_and_how_to_make_it_again(
    client: Client, board: Benchmark, owner: User
) -> None:
    submission = make_submission("net", owner=owner)
    run = make_run(submission, board, {"V1": 0.3, "V4": 0.4})
    record = dict(run.record or {})
    record["overlap"] = {"declared": "overlap", "datasets": ["coco"], "why": "Trained on coco <b>."}
    run.record = record
    run.save()
    shown = page(client, f"/records/{run.pk}/")
    assert "overlap declared. Trained on coco &lt;b&gt;." in shown
    assert "gyral rerun PATH-OF-THE-JSON --model PATH-OF-YOUR-MODEL" in shown


def test_answers_given_are_shown_to_everybody_and_yours_to_you(
    client: Client, as_owner: Client, owner: User, stranger: User
) -> None:
    benchmark = make_benchmark("held", about={"private": True})
    assert "nobody’s submission has been scored here yet; at most 50 a person" in page(client, "/benchmarks/held/")
    for who, name in ((owner, "a"), (owner, "b"), (stranger, "c")):
        exposure.note(
            make_scored(name, benchmark, {"V1": 0.3, "V4": 0.4}, owner=who, visibility="private").runs.get()
        )
    everybody = page(client, "/benchmarks/held/")
    assert "3 submissions of 2 people scored here; at most 50 a person" in everybody
    assert "private: only this site scores them" in everybody
    assert "3 submissions of 2 people scored here, 2 of yours; at most 50 a person" in page(
        as_owner, "/benchmarks/held/"
    )
    account = page(as_owner, "/account/")
    assert '<td class="number">2</td><td class="number">50</td><td class="number">3</td>' in account
    found = client.get("/api/v1/benchmarks/held/exposure").json()
    assert found == {"answered": 3, "people": 2, "yours": None, "limit": 50}
    token = create_token(stranger, "test", Scope.READ)[1]
    told = Client(headers={"authorization": f"Bearer {token}"}).get("/api/v1/benchmarks/held/exposure").json()
    assert told["yours"] == 1


def test_benchmark_that_has_answered_enough_refuses_by_form_and_by_api(
    as_owner: Client, owner: User, settings: Any
) -> None:
    settings.GYRAL_LEAST_TIER, settings.GYRAL_ANSWERS = "process", 1
    benchmark = make_benchmark("held", about={"private": True})
    exposure.note(make_scored("a", benchmark, {"V1": 0.3, "V4": 0.4}, owner=owner).runs.get())
    card = {"name": "tiny-net", "modality": "vision", "image": {"size": 32, "crop": 1.0}}
    token = create_token(owner, "test", Scope.SUBMIT)[1]
    answer = Client(headers={"authorization": f"Bearer {token}"}).post(
        "/api/v1/submissions",
        {"file": upload(), "format": "onnx", "benchmarks": "held", "card": json.dumps(card)},
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["where"]) == (429, "exposure", "benchmarks")
    form = {"format": "onnx", "name": "tiny-net", "modality": "vision", "visibility": "private", "file": upload()}
    form |= {"image_size": "32", "image_crop": "1.0", "benchmarks": ["held@0"]}
    response = as_owner.post("/submit/", form)
    assert response.status_code == 400
    assert "at most 1 submission of each person, and has scored 1 of yours." in str(
        response.context["form"].errors["benchmarks"]
    )
    assert not Submission.objects.filter(name="tiny-net").exists(), "a refused upload leaves nothing"


@pytest.mark.parametrize(
    ("typed", "kept"), [("imagenet-1k, coco,", ["imagenet-1k", "coco"]), ("", []), ("none", ["none"])]
)
def test_form_takes_names_of_collections(
    typed: str, kept: list[str], as_owner: Client, board: Benchmark, settings: Any
) -> None:
    settings.GYRAL_LEAST_TIER = "process"
    form = {"format": "onnx", "name": "tiny-net", "modality": "vision", "visibility": "private", "file": upload()}
    form |= {"image_size": "32", "image_crop": "1.0", "benchmarks": ["cortex@0"], "training_datasets": typed}
    assert as_owner.post("/submit/", form).status_code == 302
    assert Submission.objects.get().card["training_datasets"] == kept


def test_form_says_beside_the_field_which_name_is_unknown(
    as_owner: Client, board: Benchmark, settings: Any
) -> None:
    settings.GYRAL_LEAST_TIER = "process"
    form = {"format": "onnx", "name": "tiny-net", "modality": "vision", "visibility": "private", "file": upload()}
    form |= {"benchmarks": ["cortex@0"], "training_datasets": "imagenet-1k, my photos"}
    response = as_owner.post("/submit/", form)
    (error,) = response.context["form"].errors["training_datasets"]
    assert error.startswith("'my photos' is not a known collection") and 'value="imagenet-1k, my photos"' in (
        response.content.decode()
    )


def test_form_ends_a_question_with_one_mark(as_owner: Client, board: Benchmark, settings: Any) -> None:
    settings.GYRAL_LEAST_TIER = "process"
    form = {"format": "onnx", "name": "tiny-net", "modality": "vision", "visibility": "private", "file": upload()}
    form |= {"benchmarks": ["cortex@0"], "training_datasets": "imagnet-1k"}
    (error,) = as_owner.post("/submit/", form).context["form"].errors["training_datasets"]
    assert "did you mean 'imagenet-1k'" in error and error.endswith("'?")


def upload() -> SimpleUploadedFile:
    return SimpleUploadedFile("model.onnx", MODEL.read_bytes())
