"""What a campaign's document says of its treatments. Number 0 is the default one; the others stand in ``AdditionalTreatments``."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

MOST = 5  # with the default one
# What a treatment has of its own, or shares with the default one. Of two ways to say the message it brings its own one alone.
MESSAGE_MEMBERS = ("MessageConfiguration", "TemplateConfiguration", "CustomDeliveryConfiguration")


class Variation(enum.StrEnum):
    """What the treatments differ in (``Pabal.Varies``)."""

    NONE = ""
    MESSAGE = "MESSAGE"
    SCHEDULE = "SCHEDULE"


@dataclass(frozen=True, slots=True)
class Winner:
    """``Pabal.Winner``: the treatments go to ``test_percent`` of the members; after ``wait_hours`` the best one goes to the rest."""

    test_percent: int
    wait_hours: int
    metric: str  # OPEN, CLICK or CONVERSION
    event: str = ""  # of a conversion: the type of event that counts as one


def _additional(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return document.get("AdditionalTreatments") or ()


def numbers(document: Mapping[str, Any]) -> range:
    """0 for the default treatment, 1 … for the additional ones."""
    return range(1 + len(_additional(document)))


def variation(document: Mapping[str, Any]) -> Variation:
    """What is tested. A document of the API doesn't say it: it is what the additional treatments bring."""
    said = document.get("Pabal", {}).get("Varies")
    if said in list(Variation):
        return Variation(said)
    if not _additional(document):
        return Variation.NONE
    return Variation.SCHEDULE if any(one.get("Schedule") for one in _additional(document)) else Variation.MESSAGE


def varied_step(document: Mapping[str, Any]) -> str:
    """The wizard's step that each treatment has of its own; empty for a campaign of one."""
    if len(numbers(document)) == 1:
        return ""
    return {Variation.MESSAGE: "message", Variation.SCHEDULE: "schedule"}.get(variation(document), "")


def winner(document: Mapping[str, Any]) -> Winner | None:
    """The automatic choice, if there is something to choose from."""
    said = document.get("Pabal", {}).get("Winner")
    if not said or not _additional(document):
        return None
    return Winner(int(said["TestPercent"]), int(said["WaitHours"]), said["Metric"], said.get("Event", ""))


def definition(document: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The document as it holds for one treatment: its own message or schedule in the places of the default one's."""
    if number == 0:
        return dict(document)
    own = _additional(document)[number - 1]
    found = dict(document)
    if any(own.get(name) for name in MESSAGE_MEMBERS):
        found = {name: value for name, value in found.items() if name not in MESSAGE_MEMBERS}
    taken = {name: own[name] for name in (*MESSAGE_MEMBERS, "Schedule") if own.get(name)}
    return found | taken | {"Pabal": document.get("Pabal", {}) | own.get("Pabal", {})}


def names(document: Mapping[str, Any]) -> list[str]:
    """How each treatment is called on pages: as it was named, else by a letter."""
    given = [document.get("TreatmentName"), *(one.get("TreatmentName") for one in _additional(document))]
    return [name or _("Treatment %(letter)s") % {"letter": "ABCDE"[number % MOST]} for number, name in enumerate(given)]


def shares(document: Mapping[str, Any]) -> list[int]:
    """Each treatment's share of the members in percent; the default one's is what the others and the holdout leave."""
    others = [int(one.get("SizePercent") or 0) for one in _additional(document)]
    return [100 - sum(others) - int(document.get("HoldoutPercent") or 0), *others]


def line(document: Mapping[str, Any]) -> list[float]:
    """Everybody by share, in percent: the holdout, each treatment, and the rest that waits for the winner. Adds up to 100."""
    held = float(document.get("HoldoutPercent") or 0)
    test = winner(document)
    parts = [share * (test.test_percent / 100 if test else 1.0) for share in shares(document)]
    return [held, *parts, max(0.0, 100 - held - sum(parts))]


def is_divided(document: Mapping[str, Any]) -> bool:
    """Whether some members get something else than others."""
    return bool(document.get("HoldoutPercent")) or bool(_additional(document))
