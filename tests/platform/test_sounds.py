"""A board of sounds: they are heard on its page, and models that hear are taken for it."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from board_rows import make_benchmark
from gyral.benchmarks import installed
from gyral.cli.main import main
from gyral_submissions.domain.execution import execute
from gyral_submissions.domain.log import read_errors
from gyral_submissions.enums import State
from gyral_submissions.models import Run, Submission
from hearing_net import RATE, SECONDS, hearing_onnx
from made_sounds import SOUND_BENCHMARK, sound_folder
from source_folder import ABOUT, describe

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The board of a folder of sounds, by the commands alone."""
    monkeypatch.setattr(installed, "BUNDLED", ())
    tables = sound_folder(tmp_path / "own", 24)
    describe(
        tmp_path / "own",
        **tables,
        about=ABOUT | {"display": "public", "ordered": False},
        benchmark=SOUND_BENCHMARK,
    )
    for command in (("build", tmp_path / "own"), ("install", tmp_path / "own" / "pack")):
        with pytest.raises(SystemExit) as left:
            main(["data", *(str(word) for word in command)])
        assert left.value.code == 0
    call_command("sync_benchmarks", verbosity=0)
    return "own-sounds@0"


def _form(**changes: object) -> dict[str, object]:
    return {
        "format": "onnx",
        "name": "hearing-net",
        "modality": "audio",
        "sound_rate": RATE,
        "sound_seconds": SECONDS,
        "visibility": "private",
        "file": SimpleUploadedFile("model.onnx", hearing_onnx()),
    } | changes


def test_sounds_are_heard_and_no_pictures(client: Client, board: str) -> None:
    answer = client.get(f"/benchmarks/{board}/")
    page = answer.content.decode()
    assert page.count('<audio controls preload="none" src="/benchmarks/own-sounds@0/stimuli/') == 12
    assert "24 sounds" in page and 'alt="Stimulus' not in page
    assert "media-src 'self'" in answer["Content-Security-Policy"]
    sound = client.get(f"/benchmarks/{board}/stimuli/0")
    assert sound["Content-Type"] == "audio/wav" and b"".join(sound.streaming_content).startswith(b"RIFF")
    assert client.get(f"/benchmarks/{board}/stimuli/1").status_code == 404
    told = client.get(f"/api/v1/benchmarks/{board}/stimuli").json()
    assert len(told) == 12 and all(one["is_sound"] and not one["is_image"] for one in told)
    for address in ("/benchmarks/", "/boards/", f"/boards/{board}/", "/boards/audio/", "/models/?modality=audio"):
        assert client.get(address).status_code == 200, address


@pytest.mark.django_db(transaction=True)
def test_the_worker_scores_what_hears_and_pages_show_it(
    client: Client, as_owner: Client, board: str, settings: Any
) -> None:
    settings.GYRAL_LEAST_TIER = "process"
    assert as_owner.post("/submit/", _form(benchmarks=[board], visibility="public")).status_code == 302
    run = Run.objects.get(twin="")
    assert execute(run.pk, run.attempt) == State.FINISHED, read_errors(run.pk)
    page = client.get(f"/records/{run.pk}/").content.decode()
    assert "auditory" in page and "Nuisances: duration, envelope, rate, spectrum" in page
    assert "hearing-net" in client.get("/boards/audio/").content.decode()


def test_a_model_that_hears_is_taken_where_sounds_are_and_nowhere_else(as_owner: Client, board: str) -> None:
    make_benchmark("cortex")
    refused = as_owner.post("/submit/", _form(benchmarks=["cortex@0"]))
    assert refused.status_code == 400
    assert "An audio model cannot be scored on" in str(refused.context["form"].errors["benchmarks"])
    wrong = as_owner.post("/submit/", _form(benchmarks=[board], sound_rate="12"))
    assert "at least 1000" in str(wrong.context["form"].errors["sound_rate"])
    other = as_owner.post("/submit/", _form(benchmarks=[board], sound_rate="8000"))
    assert "the card says" in str(other.context["form"].errors) and not Submission.objects.exists()
    taken = as_owner.post("/submit/", _form(benchmarks=[board]))
    assert taken.status_code == 302, taken.context["form"].errors
    submission = Submission.objects.get()
    assert submission.modality == "audio" and submission.card["sound"]["rate"] == RATE
    assert {run.twin for run in Run.objects.all()} == {"", "untrained"}
    page = as_owner.get(f"/models/{submission.name}/").content.decode()
    assert f"{RATE} Hz, {SECONDS} seconds" in page
    again = as_owner.get(f"/submit/?of={submission.pk}").content.decode()
    assert f'name="sound_rate" value="{RATE}"' in again
