"""The wizard's steps, and which part of a campaign's definition each of them changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns import treatments

STEPS = ("name", "segment", "message", "schedule", "review")


@dataclass(frozen=True, slots=True)
class Part:
    """What a step writes: members of the document, members of its ``Pabal``, and (None: as it is) the campaign's name.

    A member that is None is taken away.
    """

    members: Mapping[str, Any]
    pabal: Mapping[str, Any]
    name: str | None = None

    def applied(self, document: Mapping[str, Any], treatment: int = 0) -> dict[str, Any]:
        """The document with this part in it; the other steps' parts stay. ``treatment`` other than 0: it becomes that one's own."""
        if treatment:
            own = list(document["AdditionalTreatments"])
            own[treatment - 1] = self.applied(own[treatment - 1])
            return {**document, "AdditionalTreatments": own}
        pabal = _written(document.get("Pabal", {}), self.pabal)
        return _written(document, self.members) | {"Pabal": pabal}

    def followed(self, later: Part) -> Part:
        """This part, and then another one over it."""
        return Part(members={**self.members, **later.members}, pabal={**self.pabal, **later.pabal}, name=later.name or self.name)


def _written(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**stored, **given}.items() if value is not None}


def part(*, step: str, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """What a step says, as a value to compare: two that are equal were not changed by anybody."""
    said = _said(step, name, document)
    if treatments.varied_step(document) == step:
        own = {name: document.get(name) for name in ("TreatmentName", "AdditionalTreatments")}
        said |= {"treatments": own, "winner": document.get("Pabal", {}).get("Winner")}
    return said


def chosen_segments(document: Mapping[str, Any]) -> list[str]:
    """The ids of those ticked in the wizard, else of the one that a program named."""
    return [one for one in document.get("Pabal", {}).get("SegmentIds") or [document.get("SegmentId")] if one]


def _said(step: str, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    pabal = document.get("Pabal", {})
    match step:
        case "name":
            own = {"varies": pabal.get("Varies"), "hook": document.get("Hook"), "channel": pabal.get("Channel")}
            return {"name": name, "description": pabal.get("Description", ""), **own}
        case "segment":  # several that are ticked become a new segment with each save
            return {
                "chosen": chosen_segments(document),
                "filter": pabal.get("FilterVersion"),
                "holdout": document.get("HoldoutPercent") or 0,
            }
        case "message":
            own = {name: pabal.get(name) or None for name in ("Preheader", "DefaultSubstitutions")}
            return {
                "message": document.get("MessageConfiguration"),
                "template": document.get("TemplateConfiguration") or None,
                "custom": document.get("CustomDeliveryConfiguration") or None,
                **own,
            }
        case "schedule":
            own = {name: pabal.get(name) for name in ("TimeZone", "MissingTimeZone", "PastZone", "QuietTimeMode", "SpreadHours")}
            return {"schedule": document.get("Schedule"), "limits": document.get("Limits"), **own}
    raise ValueError(step)
