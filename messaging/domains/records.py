"""The DNS records that a domain's owner is asked for."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

STRING_BYTES = 255  # of one character-string of a TXT record (RFC 1035, section 3.3.14)


class Purpose(enum.StrEnum):
    DKIM = "DKIM"
    SPF = "SPF"
    DMARC = "DMARC"
    RETURN_PATH = "RETURN_PATH"


@dataclass(frozen=True, slots=True)
class Record:
    """``value`` is what a form of a DNS provider takes; ``zone_value`` is the same as a zone file has it.

    ``is_required``: without it nothing is sent from the domain.
    """

    purpose: Purpose
    type: str
    name: str
    value: str
    is_required: bool = False

    @property
    def zone_value(self) -> str:
        if self.type != "TXT":
            return self.value
        return " ".join(f'"{part}"' for part in split(self.value))


def split(text: str) -> list[str]:
    """A TXT record's text as the strings of at most 255 bytes that it is stored in."""
    return [text[start : start + STRING_BYTES] for start in range(0, len(text), STRING_BYTES)] or [""]


def return_path_name(domain: str) -> str:
    return f"bounces.{domain}"


def dkim_name(*, domain: str, selector: str) -> str:
    return f"{selector}._domainkey.{domain}"


def dkim(*, domain: str, selector: str, public: str) -> Record:
    value = f"v=DKIM1; k=rsa; p={public}"
    return Record(Purpose.DKIM, "TXT", dkim_name(domain=domain, selector=selector), value, is_required=True)


def spf(*, name: str, existing: str, mechanisms: Sequence[str]) -> Record:
    """The record that allows these mechanisms besides what an existing record allows."""
    terms = existing.split()[1:] if existing else ["~all"]
    missing = [one for one in mechanisms if one.lower() not in (term.lower().lstrip("+") for term in terms)]
    last = next((place for place, term in enumerate(terms) if _is_last(term)), len(terms))
    return Record(Purpose.SPF, "TXT", name, " ".join(["v=spf1", *terms[:last], *missing, *terms[last:]]))


def _is_last(term: str) -> bool:
    """Whether nothing after a term counts."""
    return term.lower().lstrip("+-~?") == "all" or term.lower().startswith("redirect=")


def dmarc(*, domain: str, report_to: str) -> Record:
    """The weakest policy that counts: it refuses nobody, and has reports sent."""
    return Record(Purpose.DMARC, "TXT", f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:{report_to}")


def return_path(*, name: str, host: str) -> Record:
    return Record(Purpose.RETURN_PATH, "MX", name, f"10 {host}.")
