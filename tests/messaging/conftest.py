from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.messaging.dns_server import DnsServer


@pytest.fixture
def dns(settings: Any) -> Iterator[DnsServer]:
    """A DNS server on loopback that the console asks."""
    server = DnsServer()
    settings.DNS_RESOLVER = server.address
    yield server
    server.close()
