"""Calls to addresses that users typed: over TLS, to public hosts only, within a time and a size.

The host is resolved once, every address of it must be public, and the connection goes to one of those: a name that points elsewhere a
moment later changes nothing. No redirect is followed and no proxy of the environment used. httpcore, which httpx is made of, lets one
say where a connection goes while TLS still checks the name.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx
from django.utils.translation import gettext as _

_CONNECT_SECONDS = 5.0
# Addresses in which a private IPv4 address may hide: NAT64 and 6to4.
_DISGUISES = tuple(ipaddress.ip_network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"))


class OutboundError(Exception):
    """A call that got no answer. ``was_sent``: the other side may have it."""

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class OutboundRefused(OutboundError):
    """An address that is not called at all."""

    def __init__(self, message: str) -> None:
        super().__init__(message, was_sent=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers`` by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def check(url: str, *, allow_private: bool = False) -> None:
    """Raises ``OutboundRefused`` for an address that would not be called as things are. Asks the name service."""
    _resolved(_parsed(url, allow_private), allow_private)


def check_form(url: str, *, allow_private: bool = False) -> None:
    """Raises ``OutboundRefused`` for what never is an address to be called. Asks nobody, so a name may still turn out to be private."""
    parsed = _parsed(url, allow_private)
    if not allow_private and not all(_is_public(one) for one in _numeric(parsed.raw_host.decode())):
        raise OutboundRefused(_private(parsed))


def call(
    url: str,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = 15.0,
    limit: int = 5 << 20,
    allow_private: bool = False,
) -> Answer:
    """One request, answered within ``seconds`` by at most ``limit`` bytes. Raises ``OutboundError``."""
    deadline = time.monotonic() + seconds
    parsed = _parsed(url, allow_private)
    backend = _Pinned(_resolved(parsed, allow_private), deadline)
    sent = {"Host": parsed.netloc.decode(), "User-Agent": "Pabal", "Content-Length": str(len(body)), **(headers or {})}
    target = httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path or b"/"
    )  # fmt: skip
    timeouts = {"connect": min(seconds, _CONNECT_SECONDS), "read": seconds, "write": seconds, "pool": seconds}
    try:
        with (
            httpcore.ConnectionPool(network_backend=backend, ssl_context=httpx.create_ssl_context(trust_env=False)) as pool,
            pool.stream(method, target, headers=list(sent.items()), content=body, extensions={"timeout": timeouts}) as response,
        ):
            return Answer(response.status, _headers(response.headers), _read(response.iter_stream(), limit))
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise OutboundError(str(error) or type(error).__name__, was_sent=backend.was_sent) from error


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def _read(chunks: Iterable[bytes], limit: int) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise OutboundError(f"the answer is larger than {limit} bytes", was_sent=True)
    return bytes(body)


def _parsed(url: str, allow_private: bool) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise OutboundRefused(_("this is not an address")) from None
    if parsed.scheme != "https" and not (allow_private and parsed.scheme == "http"):
        raise OutboundRefused(_("only https:// is called"))
    if not parsed.raw_host or parsed.userinfo:
        raise OutboundRefused(_("an address needs a host, and no user or password"))
    return parsed


def _resolved(parsed: httpx.URL, allow_private: bool) -> list[str]:
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parsed.raw_host.decode(), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundRefused(_("the host %(host)s is not known") % {"host": parsed.raw_host.decode()}) from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not allow_private and not all(_is_public(one) for one in addresses):
        raise OutboundRefused(_private(parsed))
    return addresses


def _numeric(host: str) -> list[str]:
    """The address that a host is written as, in whichever of its forms; none if it is a name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [str(one[4][0]) for one in found]


def _private(parsed: httpx.URL) -> str:
    return _("the host %(host)s is in a private network") % {"host": parsed.raw_host.decode()}


def _is_public(text: str) -> bool:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _DISGUISES if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast


class _Pinned(httpcore.SyncBackend):
    """Connects to the addresses that were looked at, whatever the name says by now, and gives everything one deadline."""

    def __init__(self, addresses: list[str], deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self.was_sent = False

    def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> httpcore.NetworkStream:
        options.pop("timeout", None)
        for position, address in enumerate(self._addresses):
            try:
                left = min(_left(self._deadline, None), _CONNECT_SECONDS)
                return _Stream(self, super().connect_tcp(address, port, left, **options), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if position == len(self._addresses) - 1:
                    raise
        raise httpcore.ConnectError("no address")


class _Stream(httpcore.NetworkStream):
    def __init__(self, backend: _Pinned, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._backend, self._stream, self._deadline = backend, stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._backend.was_sent = True  # the handshake has its own way: these are bytes of the request
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend, self._stream.start_tls(*args, **options), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("no answer in time")
    return left if timeout is None else min(left, timeout)
