"""What several test modules need: an empty PostgreSQL database, patience."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest

import tests.examples  # noqa: F401 - before any test is decorated
from tests import hub as hubs


@pytest.fixture(scope="module")
def postgres_url():
    """An empty database of the module's own, on the server that tests may use."""
    with _empty_database() as url:
        yield url


@pytest.fixture
def postgres():
    """An empty database of the test's own: a store remembers when it was made."""
    with _empty_database() as url:
        yield url


@pytest.fixture
def hub():
    """A WebSub hub on loopback; ``tests.hub.Hub`` says what it can be told to do."""
    hub, server = hubs.start()
    yield hub
    hub.released.set()
    server.shutdown()
    server.server_close()


@contextmanager
def _empty_database() -> Iterator[str]:
    server = os.environ.get(
        "AGGREGATOR_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
    )
    name = f"aggregator_test_{uuid4().hex}"
    try:
        admin = psycopg.connect(server, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as exc:
        reason = f"no PostgreSQL server: {str(exc).splitlines()[0]}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"{server.rpartition('/')[0]}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
