"""People, benchmarks and submissions in the database; a queue and a scoring command of the test's own."""

import hashlib
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import User
from kombu import pools

from gyral_submissions import conf
from gyral_submissions.enums import Format, Tier, Visibility
from gyral_submissions.models import Benchmark, Submission

_SUPPORT = Path(__file__).resolve().parent.parent / "support"
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def messages(home: Path) -> Iterator[Path]:
    """The folder the file transport writes messages to, below this test's home.

    Where ``BROKER_URL`` names another transport that one is used, and emptied before and after.
    """
    app = current_app._get_current_object()
    if not app.conf.broker_url.startswith("filesystem"):
        app.control.purge()
        yield home
        app.control.purge()
        return
    folder = home / "queue" / "messages"
    folder.mkdir(parents=True)
    (home / "queue" / "control").mkdir()
    options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(home / "queue" / "control"),
        "polling_interval": 0.1,
    }
    before = (app.conf.broker_url, app.conf.broker_transport_options)
    app.conf.update(broker_url="filesystem://", broker_transport_options=options)
    app._pool = app.amqp._producer_pool = None  # the pools hold connections to the folder before
    pools.reset()
    yield folder
    app.conf.update(broker_url=before[0], broker_transport_options=before[1])


@pytest.fixture
def fake_score(settings: Any) -> None:
    """Runs are scored by ``tests/support/fake_score.py``."""
    settings.GYRAL_LEAST_TIER = "process"  # it runs no model
    settings.GYRAL_SCORE_COMMAND = [sys.executable, "-S", str(_SUPPORT / "fake_score.py")]


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """Makes people."""

    def make(name: str | None = None, **fields: Any) -> User:
        return User.objects.create_user(name or f"person{next(_numbers)}", **fields)

    return make


@pytest.fixture
def user(make_user: Callable[..., User]) -> User:
    """Somebody signed up."""
    return make_user("ada")


@pytest.fixture
def make_benchmark(db: None) -> Callable[..., Benchmark]:
    """Makes benchmarks; the content hash is that of the identifier, as the fake scorer takes it."""

    def make(name: str | None = None, version: int = 0, **fields: Any) -> Benchmark:
        name = name or f"bench{next(_numbers)}"
        content_hash = hashlib.sha256(f"{name}@{version}".encode()).hexdigest()
        columns: dict[str, Any] = {
            "content_hash": content_hash,
            "dataset": name,
            "dataset_hash": "1" * 64,
            "title": name.title(),
            "modality": "vision",
            "task": "encoding",
            "metric": "pearson",
            "readout": "ridge",
            "main_region": "V4",
            "regions": [{"name": "V1", "title": "V1"}, {"name": "V4", "title": "V4"}],
        }
        return Benchmark.objects.create(name=name, version=version, **columns | fields)

    return make


@pytest.fixture
def benchmark_row(make_benchmark: Callable[..., Benchmark]) -> Benchmark:
    """A vision benchmark."""
    return make_benchmark("cortex")


@pytest.fixture
def make_submission(user: User) -> Callable[..., Submission]:
    """Makes submissions with a model folder that tells the fake scorer what to do."""

    def make(name: str | None = None, *, does: dict[str, Any] | None = None, **fields: Any) -> Submission:
        number = next(_numbers)
        folder = conf.uploads() / f"folder{number}"
        folder.mkdir()
        (folder / "behaviour.json").write_text(json.dumps(does or {}))
        columns: dict[str, Any] = {
            "owner": user,
            "modality": "vision",
            "format": Format.ONNX,
            "tier": Tier.VERIFIED,
            "visibility": Visibility.PUBLIC,
            "path": folder.name,
        }
        return Submission.objects.create(name=name or f"net{number}", **columns | fields)

    return make


@pytest.fixture
def submission(make_submission: Callable[..., Submission]) -> Submission:
    """A small network."""
    return make_submission("net")
