"""Which opens and clicks are counted, and how a page's address says so."""

from __future__ import annotations

from collections.abc import Collection

from analytics.models import HitClass

# Those of people, those that a mail provider's proxy makes in their place, and those of programs that nobody knows. Scanners never count.
COUNTED = (HitClass.PERSON, HitClass.PROXY, HitClass.UNKNOWN)
OFFERED = (HitClass.PERSON, HitClass.PROXY, HitClass.UNKNOWN, HitClass.SCANNER)  # to choose from, in this order


def read_classes(words: Collection[str]) -> tuple[HitClass, ...]:
    """The classes that bear these names (``person``, ``proxy``, ``unknown``, ``scanner``); ``COUNTED`` when none does."""
    return tuple(one for one in OFFERED if one.label in words) or COUNTED
