"""Dry runs as people meet them: the form, the run's page, the API and the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from board_rows import make_benchmark, make_run, make_submission
from gyral.client.access import Access
from gyral.client.sending import send
from gyral.client.site import Site
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_submissions import conf
from gyral_submissions.domain import notice
from gyral_submissions.domain.log import read_log
from gyral_submissions.domain.quota import quota_of
from gyral_submissions.enums import State, Visibility
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)
MODEL = Path(__file__).resolve().parents[2] / "fixtures" / "uploads" / "conv" / "model.onnx"
FIELDS = {
    "format": "onnx",
    "name": "tiny-net",
    "modality": "vision",
    "image_size": "32",
    "image_crop": "1.0",
    "image_mean": "0.485, 0.456, 0.406",
    "image_std": "0.229, 0.224, 0.225",
    "visibility": "private",
}
CARD = {
    "name": "tiny-net",
    "modality": "vision",
    "image": {"size": 32, "crop": 1.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}


@pytest.fixture(autouse=True)
def open_door(settings: Any) -> None:
    settings.GYRAL_LEAST_TIER = "process"


@pytest.fixture
def simulated(db: None) -> Benchmark:
    return make_benchmark("sim", simulated=True, title="Simulated cortex")


def _fields(**changes: Any) -> dict[str, Any]:
    return FIELDS | {"file": SimpleUploadedFile("model.onnx", MODEL.read_bytes())} | changes


def _finished(submission: Submission, benchmark: Benchmark) -> Run:
    rows = [{"region": "V4", "value": 0.4321, "low": 0.4, "high": 0.5, "n_units": 50, "n_samples": 640}]
    return make_run(submission, benchmark, dry=True, state=State.FINISHED, record={"rows": rows})


def test_form_tries_a_model_and_scores_it_nowhere(
    as_owner: Client, simulated: Benchmark, board: Benchmark
) -> None:
    response = as_owner.post("/submit/", _fields(dry_run="on", benchmarks=["cortex@0"]))
    found = Run.objects.get()
    assert (found.dry, found.benchmark, response["Location"]) == (True, simulated, f"/runs/{found.pk}/")
    page = as_owner.get(f"/runs/{found.pk}/").content.decode()
    assert "Dry run of tiny-net on Simulated cortex" in page and "one dry run of today’s quota" in page


@pytest.mark.parametrize(
    ("changes", "limit", "said"),
    [
        ({}, 0, "Your 0 dry runs of today are spent."),
        ({"modality": "language"}, 10, "no simulated benchmark for language models"),
        ({"format": "features"}, 10, "arrays that are there already"),
    ],
)
def test_form_says_why_there_is_no_dry_run(
    as_owner: Client, simulated: Benchmark, settings: Any, changes: dict[str, Any], limit: int, said: str
) -> None:
    settings.GYRAL_DRY_RUNS_PER_DAY = limit
    response = as_owner.post("/submit/", _fields(dry_run="on", **changes))
    assert response.status_code == 400
    assert said in response.context["form"].errors["dry_run"][0]
    assert not Submission.objects.exists()


def test_form_without_dry_run_still_needs_a_benchmark(as_owner: Client, simulated: Benchmark) -> None:
    response = as_owner.post("/submit/", _fields())
    assert response.context["form"].errors["benchmarks"] == ["Choose at least one benchmark."]


def test_page_of_a_finished_dry_run_shows_its_scores_and_where_to_go_on(
    as_owner: Client, owner: User, simulated: Benchmark, board: Benchmark
) -> None:
    submission = make_submission("net", owner=owner)
    found = _finished(submission, simulated)
    text = as_owner.get(f"/runs/{found.pk}/").content.decode()
    assert "0.432" in text and "0.400 to 0.500" in text and f"/submissions/{submission.pk}/score/" in text
    assert "/records/" not in text and "find it on the board" not in text
    as_owner.post(f"/submissions/{submission.pk}/score/", {"benchmarks": ["cortex@0", "sim@0"]})
    assert submission.runs.filter(dry=False, twin="").count() == 2


def test_notice_of_a_dry_run_says_that_it_is_one(as_owner: Client, owner: User, simulated: Benchmark) -> None:
    notice.note_end(_finished(make_submission("net", owner=owner), simulated).pk)
    assert "net version 1 on Simulated cortex</a> (dry run):" in as_owner.get("/submissions/").content.decode()


def test_list_says_of_a_model_that_was_only_tried_that_it_was(
    as_owner: Client, owner: User, simulated: Benchmark, board: Benchmark
) -> None:
    submission = make_submission("net", owner=owner)
    make_run(submission, simulated, dry=True)
    assert '<td colspan="4">only tried: 1 dry run</td>' in as_owner.get("/submissions/").content.decode()
    make_run(submission, board)
    text = as_owner.get("/submissions/").content.decode()
    assert "only tried" not in text and '<td class="number">1</td>' in text


def test_nobody_else_sees_a_dry_run_of_a_public_model(
    as_owner: Client, owner: User, stranger: User, operator: User, simulated: Benchmark
) -> None:
    found = _finished(make_submission("net", owner=owner), simulated)
    other, staff = Client(), Client()
    other.force_login(stranger)
    staff.force_login(operator)
    for client, status in ((Client(), 404), (other, 404), (as_owner, 200), (staff, 200)):
        assert client.get(f"/runs/{found.pk}/").status_code == status
        assert client.get(f"/records/{found.pk}/").status_code == 404
    assert Client().get(f"/api/v1/runs/{found.pk}").status_code == 404
    assert Client().get("/api/v1/runs").json()["count"] == 0
    for page in ("/models/", "/models/net/", "/boards/sim/", "/feed/", "/"):
        assert "0.432" not in as_owner.get(page).content.decode()
    assert "0 models on" in as_owner.get("/").content.decode()


def test_submission_page_offers_a_dry_run_once(as_owner: Client, owner: User, simulated: Benchmark) -> None:
    submission = make_submission("net", owner=owner)
    address = f"/submissions/{submission.pk}/"
    assert "Try it" in as_owner.get(address).content.decode()
    assert as_owner.post(f"{address}dry-run/")["Location"] == f"/runs/{submission.runs.get().pk}/"
    text = as_owner.get(address).content.decode()
    assert "Try it" not in text and "<td>dry run</td>" in text
    refused = as_owner.post(f"{address}dry-run/", follow=True).content.decode()
    assert "already queued or running" in refused


def _site(live_server: Any, owner: User) -> Site:
    return Site(Access(live_server.url, create_token(owner, "laptop", Scope.SUBMIT)[1]))


def test_what_was_only_tried_is_taken_up_when_it_is_sent_again(
    live_server: Any, owner: User, simulated: Benchmark, board: Benchmark
) -> None:
    site = _site(live_server, owner)
    tried = send(site, MODEL, format_="onnx", benchmarks=[], card=CARD, dry_run=True)
    before = Submission.objects.get()
    assert [(r["dry"], r["benchmark"]) for r in tried["runs"]] == [(True, "sim@0")]
    sent = send(
        site,
        MODEL,
        format_="onnx",
        benchmarks=["cortex"],
        card=CARD | {"title": "Tiny"},
        visibility="public",
    )
    after = Submission.objects.get()
    assert (after.pk, after.version, after.title) == (before.pk, 1, "Tiny")
    assert (after.visibility, after.published is not None) == (Visibility.PUBLIC, True)
    assert [r["dry"] for r in sent["runs"]] == [False, False]
    ended = Run.objects.get(dry=True)
    assert ended.state == State.CANCELLED
    assert "Cancelled: the same model was sent again" in read_log(ended.pk)
    client = Client()
    client.force_login(owner)
    assert "The same model was sent again" in client.get(f"/runs/{ended.pk}/").content.decode()
    assert quota_of(owner).dry_remaining == conf.DRY_RUNS_PER_DAY()  # it had not started
    assert before.path != after.path
    assert [p.name for p in conf.uploads().iterdir() if not p.name.startswith(".")] == [after.path]


def test_a_failed_second_sending_leaves_what_was_tried(
    live_server: Any, owner: User, simulated: Benchmark, board: Benchmark, settings: Any
) -> None:
    from gyral.client.site import SiteRefused

    site = _site(live_server, owner)
    send(site, MODEL, format_="onnx", benchmarks=[], card=CARD, dry_run=True)
    settings.GYRAL_RUNS_PER_DAY = 0
    with pytest.raises(SiteRefused, match="0 of 0 left today"):
        send(site, MODEL, format_="onnx", benchmarks=["cortex"], card=CARD)
    assert Submission.objects.get().runs.filter(dry=True).exists()


def test_a_model_that_was_scored_is_still_a_duplicate(
    live_server: Any, owner: User, simulated: Benchmark, board: Benchmark
) -> None:
    from gyral.client.site import SiteRefused

    site = _site(live_server, owner)
    send(site, MODEL, format_="onnx", benchmarks=["cortex"], card=CARD)
    with pytest.raises(SiteRefused, match="you sent the same model before"):
        send(site, MODEL, format_="onnx", benchmarks=[], card=CARD, dry_run=True)


def test_command_line_tries_a_model(
    live_server: Any,
    owner: User,
    simulated: Benchmark,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gyral.cli.main import main

    monkeypatch.setenv("GYRAL_SITE", live_server.url)
    monkeypatch.setenv("GYRAL_TOKEN", create_token(owner, "laptop", Scope.SUBMIT)[1])

    def gyral(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    status, _, err = gyral("submit", str(MODEL.parent))
    assert (status, "--dry-run" in err) == (2, True)
    status, out, err = gyral("submit", str(MODEL.parent), "--dry-run", "--no-check")
    assert status == 0, err
    assert "(dry run) on sim@0: queued" in out
    assert "(dry run)" in gyral("status")[1]


def test_api_tries_what_is_there(owner: User, simulated: Benchmark, make_token: Callable[..., Client]) -> None:
    submission = make_submission("net", owner=owner)
    client = make_token(Scope.SUBMIT)
    answer = client.post(f"/api/v1/submissions/{submission.pk}/dry-run")
    assert (answer.status_code, answer.json()["dry"]) == (201, True)
    quota = client.get("/api/v1/quota").json()
    assert (quota["dry_limit"], quota["dry_remaining"], quota["used"]) == (10, 9, 0)


@pytest.fixture
def make_token(owner: User) -> Callable[..., Client]:
    """Clients with a token of the owner."""

    def make(scope: Scope) -> Client:
        _, text = create_token(owner, "test", scope)
        return Client(headers={"authorization": f"Bearer {text}"})

    return make
