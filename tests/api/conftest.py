"""The API over HTTP, as clients have it: the whole WSGI application on a port, and botocore's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.services.access_keys import NewKey
from tests.api.server import Clients, Server
from tests.factories.api import make_access_key


@pytest.fixture
def server(db: None, clean_redis: Any) -> Iterator[Server]:
    """In the test's own transaction: what it writes is seen, and rolled back with it."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def clients(server: Server) -> Iterator[Clients]:
    made = Clients(server.url)
    yield made
    made.close()


@pytest.fixture
def account_key(db: None) -> NewKey:
    return make_access_key()


@pytest.fixture
def pinpoint(clients: Clients, account_key: NewKey) -> Any:
    """``boto3.client("pinpoint")`` with a key of the account that may do everything."""
    return clients.with_key(account_key)
