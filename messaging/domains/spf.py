"""SPF (RFC 7208): a record and all that it includes, its look-ups counted as a receiver counts them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from messaging.domains.lookup import Lookup

LOOKUP_LIMIT = 10  # section 4.6.4; past it a receiver takes the whole record for broken
_COUNT_LIMIT = 40  # nobody needs to know more exactly how many are too many
_QUALIFIERS = "+-~?"


@dataclass(slots=True)
class Spf:
    """``records``: those of the name itself. ``problems``: terms that a receiver can't follow."""

    records: list[str]
    lookups: int = 0
    problems: list[str] = field(default_factory=list)
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = field(default_factory=list)
    has_end: bool = False  # says what is with all others
    allows_all: bool = False

    @property
    def record(self) -> str:
        return self.records[0] if self.records else ""

    def allows(self, address: str) -> bool:
        ip = ipaddress.ip_address(address)
        return self.allows_all or any(ip in network for network in self.networks)


def read(*, lookup: Lookup, name: str) -> Spf:
    """The SPF of a name, its includes followed. Raises ``DnsAway``."""
    records = records_of(lookup=lookup, name=name)
    found = Spf(records=records)
    if len(records) == 1:
        _follow(lookup, name, records[0], found, path=(name,))
    return found


def records_of(*, lookup: Lookup, name: str) -> list[str]:
    return [text for text in lookup.txt(name) if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def _follow(lookup: Lookup, name: str, record: str, found: Spf, path: Sequence[str]) -> None:
    redirect = ""
    for term in record.split()[1:]:
        if found.lookups > _COUNT_LIMIT:
            return
        if term.lower().startswith("redirect="):
            redirect = term.partition("=")[2]
        elif "=" not in term.partition(":")[0]:  # other modifiers are notes
            _mechanism(lookup, name, term, found, path)
            if term.lower().lstrip(_QUALIFIERS) == "all":
                redirect = ""
                break
    if redirect:
        found.lookups += 1
        _include(lookup, redirect, found, path, is_redirect=True)


def _mechanism(lookup: Lookup, name: str, term: str, found: Spf, path: Sequence[str]) -> None:
    is_pass = term[0] not in "-~?"
    word, _, value = term.lstrip(_QUALIFIERS).partition(":")
    kind, _, prefix = word.lower().partition("/")
    if kind in ("a", "mx", "include", "exists", "ptr"):
        found.lookups += 1
    match kind:
        case "all":
            if len(path) == 1:
                found.has_end, found.allows_all = True, is_pass
        case "ip4" | "ip6":
            _network(value, found, is_pass, term)
        case "include":
            _include(lookup, value, found, path)
        case "a" | "mx":
            host, _, length = value.partition("/")
            _hosts(lookup, kind, host or name, length or prefix, found, is_pass)
        case "exists" | "ptr":
            pass  # their answer depends on who asks
        case _:
            found.problems.append(term)


def _include(lookup: Lookup, name: str, found: Spf, path: Sequence[str], *, is_redirect: bool = False) -> None:
    if not name or name.lower() in path:
        found.problems.append(f"include:{name}")
        return
    if "%" in name:
        return  # a macro: what it is depends on who asks
    records = records_of(lookup=lookup, name=name)
    if len(records) != 1:
        found.problems.append(f"redirect={name}" if is_redirect else f"include:{name}")
        return
    if is_redirect and len(path) == 1:
        path = ()
    _follow(lookup, name, records[0], found, (*path, name.lower()))


def _hosts(lookup: Lookup, kind: str, host: str, length: str, found: Spf, is_pass: bool) -> None:
    if "%" in host or not is_pass:
        return
    names = [server.host for server in lookup.mx(host)[:10]] if kind == "mx" else [host]
    for name in names:
        for address in lookup.addresses(name) if name else ():
            size = length.split("//")[0] if ":" not in address else length.partition("//")[2]
            _network(f"{address}/{size}" if size else address, found, True, f"{kind}:{host}")


def _network(text: str, found: Spf, is_pass: bool, term: str) -> None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        found.problems.append(term)
        return
    if is_pass:
        found.networks.append(network)
