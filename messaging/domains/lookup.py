"""Asking DNS: what is there, what is not, and that nobody answered are three things."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import dns.reversename
from django.conf import settings

_QUERY_SECONDS = 4.0
_BUDGET_SECONDS = 20.0  # of all questions of one check: a person waits for it


class DnsAway(Exception):
    """Nobody answered (timeout, SERVFAIL): it is not known what is there."""


@dataclass(frozen=True, slots=True)
class MailServer:
    preference: int
    host: str  # empty: a null MX (RFC 7505), which takes no mail


class Lookup:
    """The questions of one check. What does not exist is an empty list; raises ``DnsAway``."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolver = _resolver()
        self._clock = clock
        self._until = clock() + _BUDGET_SECONDS
        self._known: dict[tuple[str, str], list[str]] = {}

    def txt(self, name: str) -> list[str]:
        """Each TXT record, its strings joined."""
        return self._ask(name, "TXT")

    def mx(self, name: str) -> list[MailServer]:
        found = []
        for text in self._ask(name, "MX"):
            preference, _, host = text.partition(" ")
            found.append(MailServer(int(preference), host))
        return sorted(found, key=lambda server: server.preference)

    def addresses(self, name: str) -> list[str]:
        return [*self._ask(name, "A"), *self._ask(name, "AAAA")]

    def pointers(self, address: str) -> list[str]:
        """The host names of an address."""
        return self._ask(dns.reversename.from_address(address).to_text(), "PTR")

    def _ask(self, name: str, kind: str) -> list[str]:
        key = (name.lower().rstrip("."), kind)
        if key not in self._known:
            self._known[key] = self._asked(name, kind)
        return self._known[key]

    def _asked(self, name: str, kind: str) -> list[str]:
        left = self._until - self._clock()
        if left <= 0:
            raise DnsAway(name)
        try:
            question = dns.name.from_text(name)
            answer = self._resolver.resolve(question, kind, search=False, lifetime=min(left, _QUERY_SECONDS))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.YXDOMAIN):
            return []
        except (dns.resolver.NoNameservers, dns.exception.Timeout, OSError) as error:
            raise DnsAway(name) from error
        except (dns.exception.DNSException, UnicodeError):  # a name that can't be one
            return []
        return [_text(record) for record in answer]


def _text(record: object) -> str:
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "replace")
    return str(record).removesuffix(".").lower()


def _resolver() -> dns.resolver.Resolver:
    """The machine's own resolver, or the one of ``DNS_RESOLVER`` (an IPv4 address, and ``:port`` if it is not 53)."""
    if not settings.DNS_RESOLVER:
        try:
            return dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration as error:
            raise DnsAway("/etc/resolv.conf") from error
    address, _, port = settings.DNS_RESOLVER.partition(":")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [address], int(port or 53)
    return resolver
