from __future__ import annotations

import datetime
import functools
from typing import Any

from core import secretbox
from messaging.domains import keys
from messaging.models import DkimKey, Relay, RelayRoute, Sender, SenderDomain
from projects.models import Project

_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def make_sender(*, project: Project, address: str = "shop@example.com", is_verified: bool = True, name: str = "상점") -> Sender:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) if is_verified else None
    return Sender.objects.create(project=project, address=address, name=name, verified_at=at)


@functools.cache
def key_pair() -> keys.KeyPair:
    """One key for all tests: making one takes a tenth of a second."""
    return keys.make_pair()


def make_domain(
    *, project: Project, name: str = "shop.example", is_verified: bool = True, params: dict[str, Any] | None = None, **fields: Any
) -> SenderDomain:
    """A domain with one key, ``s1``, that DNS has if it is verified; ``params`` are those of what the last check found."""
    at = _AT if is_verified else None
    checks = [{"check": "SPF", "level": "BAD", "code": "spf_missing", "params": params}] if params else []
    values = {"verified_at": at, "checks": checks, "checked_at": at, "next_check_at": _AT} | fields
    domain = SenderDomain.objects.create(project=project, name=name, **values)
    DkimKey.objects.create(
        domain=domain,
        selector="s1",
        public_key=key_pair().public,
        sealed_private_key=secretbox.seal(key_pair().private),
        seen_at=at,
    )
    return domain


def make_relay(*, project: Project, senders: tuple[str, ...] = ("",), password: str = "", **fields: Any) -> Relay:
    """An SMTP relay; by default every sender of the project takes it."""
    sealed = secretbox.seal(password) if password else ""
    values = {"name": "relay", "kind": "SMTP", "host": "127.0.0.1", "security": "NONE", "sealed_secret": sealed} | fields
    relay = Relay.objects.create(project=project, **values)
    RelayRoute.objects.bulk_create(RelayRoute(project=project, relay=relay, sender=sender) for sender in senders)
    return relay
