"""The review's findings about the message as one list, by topic, so that one sees what was looked at and found good, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.review import Finding

# Topic → codes of findings; one that ends with "*" stands for all that begin so.
_CODES = {
    "links": ("odd_link", "bad_link", "empty_link"),
    "pictures": ("image_without_alt", "linked_image_without_alt", "data_image", "image_address"),
    "contrast": ("contrast",),
    "words": ("spam_word", "spam_signs", "blank"),
    "unsubscribe": ("no_unsubscribe",),
    "advertising": ("no_ad_mark", "ad_mark", "ad_sender", "ad_refusal", "night"),
    "size": ("size",),
    "variables": ("unknown_variable",),
    "html": ("broken_html", "script"),
    "domain": ("domain_broken", "sender_unusable", "free_mail", "no_domain", "dns_*"),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """``note``: what is said where nothing was found."""

    label: str
    findings: list[Finding]
    note: str = ""

    @property
    def is_good(self) -> bool:
        return not self.findings and not self.note


def checklist(*, findings: Sequence[Finding], is_practice: bool) -> list[Topic]:
    """Each topic with its warnings; empty while there is no message that could be looked at."""
    if any(finding.code in ("template", "template_gone", "no_body") for finding in findings):
        return []
    labels = {
        "links": _("Links"), "pictures": _("Pictures"), "contrast": _("Contrast"), "words": _("Words and blanks"),
        "unsubscribe": _("Unsubscribe link"), "advertising": _("Rules for advertisements (Korea)"), "size": _("Size"),
        "variables": _("Variables"), "html": _("HTML"), "domain": _("The sender’s domain (DKIM, SPF, DMARC)"),
    }  # fmt: skip
    found = []
    for key, codes in _CODES.items():
        note = _("Looked up for live projects.") if key == "domain" and is_practice else ""
        found.append(Topic(labels[key], [one for one in findings if not one.is_error and _is_of(one.code, codes)], note))
    return found


def outside(*, findings: Sequence[Finding], listed: Sequence[Topic]) -> list[Finding]:
    """What the list does not say."""
    said = {id(finding) for topic in listed for finding in topic.findings}
    return [finding for finding in findings if id(finding) not in said]


def _is_of(code: str, codes: Sequence[str]) -> bool:
    return any(code == one or (one.endswith("*") and code.startswith(one[:-1])) for one in codes)
