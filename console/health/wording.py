"""What the page and the command say, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.models import Invariant


class Level(models.TextChoices):
    GOOD = "GOOD", gettext_lazy("Good")
    WAITING = "WAITING", gettext_lazy("Not yet due")
    NOTE = "NOTE", gettext_lazy("Look at it")
    BAD = "BAD", gettext_lazy("Bad")

    @property
    def colour(self) -> str:
        return {"GOOD": "green", "WAITING": "secondary", "NOTE": "yellow", "BAD": "red"}[self.value]


ORDER = (Level.WAITING, Level.GOOD, Level.NOTE, Level.BAD)

EXPLAINED = {
    Invariant.RUNS: gettext_lazy("Every member of every run is excluded or has exactly one outcome."),
    Invariant.FACETS: gettext_lazy("The index of values says of each endpoint what its row says."),
    Invariant.IMPORTS: gettext_lazy("Every line of every file is counted once, every refused one is listed."),
    Invariant.ROLLUPS: gettext_lazy("The numbers on pages are the events that happened."),
}

_SENTENCES = {
    "run_members": gettext_lazy(
        "Run %(run)s of “%(campaign)s”: %(targeted)s targeted, but %(excluded)s excluded and %(frozen)s frozen."
    ),
    "run_outcomes": gettext_lazy("Run %(run)s of “%(campaign)s”: %(frozen)s frozen, but %(outcomes)s outcomes."),
    "import_counter": gettext_lazy("Import %(job)s: %(counter)s is %(held)s, its pieces come to %(pieces)s."),
    "import_lines": gettext_lazy("Import %(job)s: %(failures)s lines were refused, but %(listed)s are listed."),
    "rollup": gettext_lazy("Run number %(run)s, %(kind)s: %(counted)s counted, but %(events)s events."),
    "facet": gettext_lazy("%(subject)s “%(value)s”: %(missing)s missing, %(extra)s too many."),
}


def sentence(code: str, params: Mapping[str, Any]) -> str:
    """One broken thing."""
    return str(_SENTENCES[code]) % params


def duration(seconds: float) -> str:
    """Roughly, as a person says it."""
    if seconds < 120:
        return _("%(seconds)s s") % {"seconds": f"{seconds:.1f}".removesuffix(".0") if seconds < 10 else round(seconds)}
    if seconds < 2 * 3600:
        return _("%(minutes)s min") % {"minutes": round(seconds / 60)}
    return _("%(hours)s h") % {"hours": round(seconds / 3600)}


def looked_at(invariant: Invariant, total: int) -> str:
    """What was looked at."""
    number = {"total": f"{total:,}"}
    if invariant == Invariant.RUNS:
        return ngettext("%(total)s run", "%(total)s runs", total) % number
    if invariant == Invariant.FACETS:
        return ngettext("%(total)s endpoint", "%(total)s endpoints", total) % number
    if invariant == Invariant.IMPORTS:
        return ngettext("%(total)s import", "%(total)s imports", total) % number
    return ngettext("%(total)s number", "%(total)s numbers", total) % number
