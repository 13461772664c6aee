"""The DNS doctor: what a receiver finds when it looks a sender's domain up, each thing good, doubtful or bad, with a reason.

Findings are codes and values; ``wording`` says them in words.
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from messaging.domains import records, spf
from messaging.domains.lookup import DnsAway, Lookup

_TREE_LIMIT = 8  # labels that a receiver climbs for a DMARC policy (DMARCbis)
_SHOWN = 200  # characters of what stands in DNS


class Level(enum.StrEnum):
    GOOD = "GOOD"
    DOUBTFUL = "DOUBTFUL"
    BAD = "BAD"
    UNKNOWN = "UNKNOWN"  # nobody answered


class Check(enum.StrEnum):
    DKIM = "DKIM"
    SPF = "SPF"
    DMARC = "DMARC"
    MX = "MX"
    RETURN_PATH = "RETURN_PATH"
    PTR = "PTR"


@dataclass(frozen=True, slots=True)
class Finding:
    """``params`` are texts and numbers, which JSON holds."""

    check: Check
    level: Level
    code: str
    params: dict[str, Any] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        return asdict(self)


def restored(stored: dict[str, Any]) -> Finding:
    return Finding(Check(stored["check"]), Level(stored["level"]), stored["code"], stored["params"])


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at. ``keys``: selector → public key, newest first. ``return_path``: its name, empty when there is none
    to be. ``mechanisms``: what SPF should allow; ``addresses``: from where the mail leaves, as far as that is known."""

    domain: str
    keys: dict[str, str]
    return_path: str = ""
    return_path_host: str = ""
    mechanisms: Sequence[str] = ()
    addresses: Sequence[str] = ()


def examine(*, patient: Patient, lookup: Lookup) -> list[Finding]:
    """Every check, in the order of a page."""
    found: list[Finding] = []
    for check, doer in _CHECKS:
        try:
            found += doer(patient, lookup)
        except DnsAway as away:
            found.append(Finding(check, Level.UNKNOWN, "away", {"name": str(away)}))
    return found


# -- DKIM ---------------------------------------------------------------------------------------------------------------


def _dkim(patient: Patient, lookup: Lookup) -> Iterator[Finding]:
    for selector, public in patient.keys.items():
        name = records.dkim_name(domain=patient.domain, selector=selector)
        params = {"name": name, "selector": selector}
        try:
            found = lookup.txt(name)
            if not found and lookup.txt(f"{name}.{patient.domain}"):
                yield Finding(Check.DKIM, Level.BAD, "dkim_twice", params | {"wrong": f"{name}.{patient.domain}"})
                continue
        except DnsAway:
            yield Finding(Check.DKIM, Level.UNKNOWN, "away", params)
            continue
        level, code = _key(found, public)
        yield Finding(Check.DKIM, level, code, params)


def _key(found: Sequence[str], public: str) -> tuple[Level, str]:
    """What a receiver makes of the TXT records at a selector."""
    keys = [tags for text in found if (tags := _tags(text)) and "p" in tags]
    if not keys:
        return (Level.BAD, "dkim_other_text") if found else (Level.BAD, "dkim_missing")
    if len(keys) > 1:
        return Level.BAD, "dkim_several"
    (tags,) = keys
    if not tags["p"]:
        return Level.BAD, "dkim_revoked"
    if not _is_same(tags["p"], public) or tags.get("k", "rsa") != "rsa" or tags.get("v", "DKIM1") != "DKIM1":
        return Level.BAD, "dkim_other_key"
    if "y" in tags.get("t", "").split(":"):
        return Level.DOUBTFUL, "dkim_testing"
    return Level.GOOD, "dkim_good"


def _is_same(text: str, public: str) -> bool:
    try:
        return base64.b64decode(text, validate=True) == base64.b64decode(public)
    except ValueError:
        return False


def _tags(text: str) -> dict[str, str]:
    """``a=b; c=d``, spaces taken out of the values."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, is_there, value in pairs if is_there}


# -- SPF ----------------------------------------------------------------------------------------------------------------


def spf_name(patient: Patient, lookup: Lookup) -> str:
    """SPF is asked for the envelope's domain: the return path's, where that is set up."""
    return patient.return_path if patient.return_path and _leads_here(patient, lookup) else patient.domain


def _spf(patient: Patient, lookup: Lookup) -> Iterator[Finding]:
    name = spf_name(patient, lookup)
    found = spf.read(lookup=lookup, name=name)
    yield _judge_spf(found, name, patient)


def _judge_spf(found: spf.Spf, name: str, patient: Patient) -> Finding:
    params: dict[str, Any] = {"name": name, "lookups": found.lookups, "limit": spf.LOOKUP_LIMIT, "record": found.record[:_SHOWN]}

    def finding(level: Level, code: str, **more: Any) -> Finding:
        return Finding(Check.SPF, level, code, params | more)

    if not found.records:
        return finding(Level.BAD, "spf_missing")
    if len(found.records) > 1:
        return finding(Level.BAD, "spf_several", count=len(found.records))
    if found.lookups > spf.LOOKUP_LIMIT:
        return finding(Level.BAD, "spf_lookups")
    if found.problems:
        return finding(Level.BAD, "spf_broken", terms=", ".join(found.problems[:5])[:_SHOWN])
    if found.allows_all:
        return finding(Level.BAD, "spf_all")
    outside = [address for address in patient.addresses if not found.allows(address)]
    if outside:
        return finding(Level.BAD, "spf_outside", addresses=", ".join(outside))
    terms = {term.lower().lstrip("+") for term in found.record.split()}
    missing = [one for one in patient.mechanisms if one.lower() not in terms]
    if missing and not patient.addresses:
        return finding(Level.DOUBTFUL, "spf_not_named", mechanisms=" ".join(missing))
    if not found.has_end:
        return finding(Level.DOUBTFUL, "spf_open")
    return finding(Level.GOOD, "spf_good")


# -- DMARC --------------------------------------------------------------------------------------------------------------


def _dmarc(patient: Patient, lookup: Lookup) -> Iterator[Finding]:
    labels = patient.domain.split(".")
    start = max(0, len(labels) - _TREE_LIMIT)
    names = [patient.domain, *(".".join(labels[place:]) for place in range(max(1, start), len(labels) - 1))]
    for name in names:
        found = [text for text in lookup.txt(f"_dmarc.{name}") if text.replace(" ", "").lower().startswith("v=dmarc1")]
        if found:
            yield _judge_dmarc(found, name, patient)
            return
    yield Finding(Check.DMARC, Level.BAD, "dmarc_missing", {"name": f"_dmarc.{patient.domain}"})


def _judge_dmarc(found: Sequence[str], name: str, patient: Patient) -> Finding:
    tags = _tags(found[0])
    policy = tags.get("p", "").lower()
    if name != patient.domain:
        policy = tags.get("sp", policy).lower()
    params = {"name": f"_dmarc.{name}", "record": found[0][:_SHOWN], "policy": policy}
    if len(found) > 1:
        return Finding(Check.DMARC, Level.BAD, "dmarc_several", params)
    if policy not in ("none", "quarantine", "reject"):
        return Finding(Check.DMARC, Level.BAD, "dmarc_broken", params)
    if "rua" not in tags:
        return Finding(Check.DMARC, Level.DOUBTFUL, "dmarc_no_reports", params)
    if policy == "none":
        return Finding(Check.DMARC, Level.GOOD, "dmarc_none", params)
    return Finding(Check.DMARC, Level.GOOD, "dmarc_good", params)


# -- where answers and bounces go ---------------------------------------------------------------------------------------


def _mx(patient: Patient, lookup: Lookup) -> Iterator[Finding]:
    servers = lookup.mx(patient.domain)
    params = {"name": patient.domain, "hosts": ", ".join(server.host for server in servers[:3])}
    if any(not server.host for server in servers):
        yield Finding(Check.MX, Level.BAD, "mx_null", params)
    elif servers and not any(lookup.addresses(server.host) for server in servers):
        yield Finding(Check.MX, Level.BAD, "mx_nowhere", params)
    elif servers:
        yield Finding(Check.MX, Level.GOOD, "mx_good", params)
    elif lookup.addresses(patient.domain):
        yield Finding(Check.MX, Level.DOUBTFUL, "mx_address", params)
    else:
        yield Finding(Check.MX, Level.BAD, "mx_missing", params)


def _return_path(patient: Patient, lookup: Lookup) -> Iterator[Finding]:
    if not patient.return_path:
        return
    params = {"name": patient.return_path, "host": patient.return_path_host}
    servers = lookup.mx(patient.return_path)
    if _leads_here(patient, lookup):
        yield Finding(Check.RETURN_PATH, Level.GOOD, "return_path_good", params)
    elif servers:
        hosts = ", ".join(server.host or "." for server in servers[:3])
        yield Finding(Check.RETURN_PATH, Level.BAD, "return_path_elsewhere", params | {"hosts": hosts})
    else:
        yield Finding(Check.RETURN_PATH, Level.DOUBTFUL, "return_path_missing", params)


def _leads_here(patient: Patient, lookup: Lookup) -> bool:
    servers = lookup.mx(patient.return_path)
    return bool(servers) and all(server.host == patient.return_path_host for server in servers)


def _ptr(patient: Patient, lookup: Lookup) -> Iterator[Finding]:
    """A receiver asks for the name of the address that connects, and for the address of that name."""
    for address in patient.addresses:
        hosts = lookup.pointers(address)
        params = {"address": address, "hosts": ", ".join(hosts[:3])}
        if not hosts:
            yield Finding(Check.PTR, Level.BAD, "ptr_missing", params)
        elif not any(address in lookup.addresses(host) for host in hosts[:10]):
            yield Finding(Check.PTR, Level.BAD, "ptr_other", params)
        else:
            yield Finding(Check.PTR, Level.GOOD, "ptr_good", params)


_CHECKS: tuple[tuple[Check, Callable[[Patient, Lookup], Iterator[Finding]]], ...] = (
    (Check.DKIM, _dkim), (Check.SPF, _spf), (Check.DMARC, _dmarc), (Check.MX, _mx), (Check.RETURN_PATH, _return_path),
    (Check.PTR, _ptr),
)  # fmt: skip
