"""Scratch places on the services of this machine: a PostgreSQL database, an empty Redis number."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

SERVER = "postgres://postgres@127.0.0.1:5432"
REDIS = "redis://127.0.0.1:6379"


@contextmanager
def scratch_database() -> Iterator[str]:
    """Address of a new database, dropped at the end."""
    import psycopg

    name = f"gyral_test_{secrets.token_hex(6)}"
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{SERVER}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def scratch_redis() -> Iterator[str]:
    """Address of a Redis number that was empty, and is again at the end."""
    import redis

    for number in range(15, 0, -1):
        client = redis.Redis.from_url(f"{REDIS}/{number}")
        try:
            if client.dbsize() == 0:
                yield f"{REDIS}/{number}"
                client.flushdb()
                return
        finally:
            client.close()
    raise AssertionError("no Redis number is empty")
