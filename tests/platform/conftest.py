"""People with the roles that pages tell apart, and a queue in memory."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from kombu import pools

from board_rows import make_benchmark
from gyral_submissions.models import Benchmark


@pytest.fixture(autouse=True)
def messages() -> Iterator[None]:
    """Messages go to kombu's in-memory transport; what a worker makes of them is tested in tests/submissions."""
    app: Any = current_app._get_current_object()
    before = (app.conf.broker_url, app.conf.broker_transport_options)
    app.conf.update(broker_url="memory://", broker_transport_options={})
    app._pool = app.amqp._producer_pool = None
    pools.reset()
    cache.clear()  # throttling counts across tests otherwise
    cache.set("announced", ())  # as on any page but the first of each 15 s
    yield
    app.conf.update(broker_url=before[0], broker_transport_options=before[1])
    app._pool = app.amqp._producer_pool = None
    pools.reset()


@pytest.fixture(autouse=True)
def quick_hashes(settings: Any) -> None:
    """Argon2 takes a twentieth of a second for each of the people below; one test asks for it by name."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]


@pytest.fixture
def owner(db: None) -> User:
    """Somebody with submissions."""
    return User.objects.create_user("ada", "ada@example.org", "correct horse battery")


@pytest.fixture
def stranger(db: None) -> User:
    """Somebody else."""
    return User.objects.create_user("bob", "bob@example.org", "correct horse battery")


@pytest.fixture
def operator(db: None) -> User:
    """Staff."""
    return User.objects.create_user("eve", "eve@example.org", "correct horse battery", is_staff=True)


@pytest.fixture
def board(db: None) -> Benchmark:
    """A vision benchmark with the regions V1 and V4; V4 is the main one."""
    return make_benchmark("cortex")


@pytest.fixture
def as_owner(owner: User) -> Client:
    """A browser the owner is logged in with."""
    client = Client()
    client.force_login(owner)
    return client
