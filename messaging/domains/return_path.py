"""The return path of each message (VERP): an address that says which run and endpoint it was, signed, so that a bounce finds its
message and nobody can make one up.

The local part is ``b-`` and base32 (lower case: some servers change the case) of: version, key number, varints (run, endpoint), and
10 bytes of HMAC-SHA256. It has 60 characters at most, for the largest ids of the database; RFC 5321 allows 64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from analytics import signing_keys
from core import varint
from messaging.domains import names, records
from messaging.models import SenderDomain
from projects.models import Project

_VERSION = 1
_PREFIX = "b-"
_MAC_BYTES = 10
_LONGEST = 64  # characters of a local part
_PURPOSE = b"pabal return path"  # the keys are those of links; a signature of one is none of the other


class BadReturnPath(ValueError):
    """The address was not made here, or was changed."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Whose message came back, by internal ids."""

    run_id: int
    endpoint_id: int


class ReturnPath:
    """Makes the return paths of one run."""

    def __init__(self, *, run_id: int, domain: str, key: tuple[int, bytes]) -> None:
        number, secret = key
        self._head = bytes([_VERSION, number]) + varint.packed(run_id)
        self._mac = hmac.new(_derived(secret), self._head, hashlib.sha256)
        self._end = f"@{domain}"

    def address(self, endpoint_id: int) -> str:
        return self.of_token(self.token(endpoint_id))

    def of_token(self, token: str) -> str:
        return token + self._end

    def token(self, endpoint_id: int) -> str:
        """The local part alone, which says as much."""
        number = varint.packed(endpoint_id)
        mac = self._mac.copy()
        mac.update(number)
        return _PREFIX + _packed(self._head + number + mac.digest()[:_MAC_BYTES])


def return_path_for(*, project: Project, address: str, run_id: int) -> ReturnPath | None:
    """The return paths of a run that is sent from an address; None while its domain's return path does not lead here."""
    name = names.domain_of(address)
    ready = SenderDomain.objects.filter(project=project, name=name, verified_at__isnull=False, return_path_at__isnull=False)
    if not ready.exists():
        return None
    return ReturnPath(run_id=run_id, domain=records.return_path_name(name), key=signing_keys.current())


def tokens_of(*, run_id: int) -> ReturnPath:
    """Makes a run's tokens where there are no return paths."""
    return ReturnPath(run_id=run_id, domain="", key=signing_keys.current())


def read_return_path(address: str) -> Returned:
    """Whose message came back to an address; raises ``BadReturnPath`` for one that was not made here."""
    local = address.rpartition("@")[0].lower()
    if not local.startswith(_PREFIX) or len(local) > _LONGEST:
        raise BadReturnPath("not one of ours")
    text = local.removeprefix(_PREFIX)
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raise BadReturnPath("not base32") from None
    payload, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(payload) < 4 or payload[0] != _VERSION or _packed(raw) != text:
        raise BadReturnPath("not one of ours")
    secret = signing_keys.by_number(payload[1])
    if secret is None or not hmac.compare_digest(hmac.digest(_derived(secret), payload, "sha256")[:_MAC_BYTES], mac):
        raise BadReturnPath("signature")
    run_id, position = varint.read(payload, 2)
    endpoint_id, _end = varint.read(payload, position)
    return Returned(run_id=run_id, endpoint_id=endpoint_id)


def _derived(secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE, "sha256")


def _packed(raw: bytes) -> str:
    return base64.b32encode(raw).rstrip(b"=").decode().lower()
