"""Dissimilarities on a record's page, as a file and in the API: of public data, and of models one may see."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from array_model import ArrayModel
from board_rows import make_benchmark, make_run, make_submission
from gyral.benchmarks.benchmark import Benchmark as Recipe
from gyral.datasets.dataset import Dataset
from gyral.datasets.pack import read_pack, write_pack
from gyral.evaluate import evaluate
from gyral.places import home
from gyral_portal.leaderboard import rdms
from gyral_submissions import conf
from gyral_submissions.models import Run
from planted_subjects import dataset_of, planted_subjects

pytestmark = pytest.mark.django_db

DECLARED = {
    "name": "planted",
    "version": 0,
    "title": "Planted",
    "modality": "language",
    "dataset": "planted",
    "task": "rsa",
    "metric": "rsa-spearman",
    "readout": "none",
    "ceiling": "rdm-bounds",
    "main_region": "all",
    "rdm": "correlation",
}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Views are kept by a process, which tests share."""
    yield
    rdms._view.cache_clear()


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A record of RDMs, with its data installed."""
    dataset = dataset_of(planted_subjects(subjects=2, rows=24, units=6))
    (home() / "packs").mkdir(exist_ok=True)
    fields = {k: getattr(dataset, k) for k in ("about", "stimuli", "responses", "rdms", "units", "regions")}
    write_pack(Dataset(**fields, extra={"benchmark": DECLARED}), home() / "packs" / "planted")
    features = np.random.default_rng(0).standard_normal((24, 5)).astype(np.float32)
    model = ArrayModel(dataset.stimuli.ids, {"only <layer>": features})
    pack = read_pack(home() / "packs" / "planted")
    evaluate([model], Recipe(**DECLARED), pack, controls="none").save(tmp_path / "r")  # type: ignore[arg-type]
    return tmp_path / "r"


def run_of(record: Path, **fields: object) -> Run:
    pack = read_pack(home() / "packs" / "planted")
    benchmark = make_benchmark(
        "planted", regions=("all",), task="rsa", readout="none", dataset_hash=pack.content_hash
    )
    run = make_run(make_submission(**fields), benchmark, {"all": 0.1})
    folder = conf.runs() / run.record_path
    shutil.rmtree(folder)
    shutil.copytree(record, folder)
    return run


def test_the_page_shows_both_matrices_and_says_what_they_are(client: Client, record: Path) -> None:
    run = run_of(record)
    page = client.get(f"/records/{run.pk}/").content.decode()
    assert f"/records/{run.pk}/rdms/rdms.svg?region=all" in page and "mean over 2 subjects" in page
    assert "only &lt;layer&gt;" in page and "only <layer>" not in page
    picture = client.get(f"/records/{run.pk}/rdms/rdms.svg")
    assert picture.headers["Content-Type"] == "image/svg+xml" and picture.headers["ETag"]
    numbers = client.get(f"/records/{run.pk}/rdms/rdms.json").json()
    assert len(numbers["measured"]) == 24 and numbers["layer"] == "only <layer>"
    assert client.get(f"/api/v1/runs/{run.pk}/rdms").json() == numbers
    assert client.get(f"/api/v1/runs/{run.pk}/rdms?region=nothing").status_code == 422
    for name in ("rdms.png", "rdms.svg?region=nothing"):
        assert client.get(f"/records/{run.pk}/rdms/{name}").status_code == 404


def test_without_the_data_the_page_says_why(client: Client, record: Path) -> None:
    run = run_of(record)
    shutil.rmtree(home() / "packs" / "planted")
    page = client.get(f"/records/{run.pk}/").content.decode()
    assert "The measured data are not on this machine." in page
    assert client.get(f"/records/{run.pk}/rdms/rdms.svg").status_code == 404
    missing = client.get(f"/api/v1/runs/{run.pk}/rdms")
    assert missing.status_code == 404 and "not on this machine" in missing.json()["detail"]


def test_dissimilarities_of_a_private_model_are_its_owners(client: Client, record: Path) -> None:
    owner = User.objects.create_user("owner")
    run = run_of(record, name="hush", owner=owner, visibility="private")
    client.force_login(owner)
    assert client.get(f"/records/{run.pk}/rdms/rdms.svg").status_code == 200
    for user in (None, User.objects.create_user("stranger")):
        client.logout()
        if user:
            client.force_login(user)
        for address in (f"/records/{run.pk}/rdms/rdms.svg", f"/api/v1/runs/{run.pk}/rdms"):
            refused = client.get(address)
            assert refused.status_code == 404 and b"hush" not in refused.content and "ETag" not in refused.headers


def test_pages_of_encoding_have_no_dissimilarities(client: Client) -> None:
    run = make_run(make_submission(), make_benchmark(), {"V1": 0.4})
    assert "Dissimilarities" not in client.get(f"/records/{run.pk}/").content.decode()
