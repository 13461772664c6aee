"""Changes of a draft's treatments, as parts of its definition: what is tested, one more, one fewer, names, shares, the winner."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from campaigns.parts import Part
from campaigns.treatments.definition import MESSAGE_MEMBERS, MOST, Variation, names, numbers, shares
from core.errors import Refusal

# What of ``Pabal`` goes with a message, and with a schedule.
_PABAL = {
    Variation.MESSAGE: ("Preheader", "DefaultSubstitutions", "ReplyTo"),
    Variation.SCHEDULE: ("TimeZone", "MissingTimeZone", "PastZone"),
}
_MEMBERS = {Variation.MESSAGE: MESSAGE_MEMBERS, Variation.SCHEDULE: ("Schedule",)}


class TreatmentsRefused(Refusal):
    """The treatments can't be so."""


def varied(document: Mapping[str, Any], varies: Variation) -> Part:
    """Test this instead of what was tested. The treatments keep their names and shares; with nothing to test they go."""
    if varies == Variation.NONE:
        return Part(members={"AdditionalTreatments": None, "TreatmentName": None}, pabal={"Varies": None, "Winner": None})
    before = document.get("AdditionalTreatments") or []
    own = [_copied(document, one, varies) for one in before] or [_new(document, 0, varies)]
    pabal: dict[str, Any] = {"Varies": varies.value}
    if varies != Variation.MESSAGE:
        pabal["Winner"] = None
    return Part(members={"AdditionalTreatments": own}, pabal=pabal)


def added(document: Mapping[str, Any], copy_of: int, varies: Variation) -> Part:
    """One more, made from another one, whose share it halves. Raises ``TreatmentsRefused``."""
    if len(numbers(document)) >= MOST:
        raise TreatmentsRefused(_("A campaign has at most %(most)s treatments.") % {"most": MOST})
    if copy_of not in numbers(document):
        raise TreatmentsRefused(_("The campaign has no such treatment."))
    own = list(document.get("AdditionalTreatments") or [])
    new = _new(document, copy_of, varies)
    if copy_of:
        left = int(own[copy_of - 1]["SizePercent"]) - new["SizePercent"]
        own[copy_of - 1] = {**own[copy_of - 1], "SizePercent": max(1, left)}
    return Part(members={"AdditionalTreatments": [*own, new]}, pabal={})


def removed(document: Mapping[str, Any], number: int) -> Part:
    """One fewer; its share falls to the default one. Raises ``TreatmentsRefused``."""
    if number not in numbers(document):
        raise TreatmentsRefused(_("The campaign has no such treatment."))
    if number == 0:
        raise TreatmentsRefused(_("The first treatment is the default one and stays."))
    if len(numbers(document)) == 2:
        raise TreatmentsRefused(_("A test needs two treatments. Make it a standard campaign in the first step instead."))
    own = list(document.get("AdditionalTreatments") or [])
    del own[number - 1]
    return Part(members={"AdditionalTreatments": own}, pabal={})


def shared(
    document: Mapping[str, Any], *, called: Sequence[str], percents: Sequence[int], winner: Mapping[str, Any] | None
) -> Part:
    """Names of all, shares of all but the default one, and the automatic choice (None: none)."""
    own = [
        {**one, "TreatmentName": name, "SizePercent": percent}
        for one, name, percent in zip(document.get("AdditionalTreatments") or [], called[1:], percents, strict=True)
    ]
    return Part(members={"AdditionalTreatments": own, "TreatmentName": called[0]}, pabal={"Winner": winner})


def _new(document: Mapping[str, Any], copy_of: int, varies: Variation) -> dict[str, Any]:
    source = (document.get("AdditionalTreatments") or [])[copy_of - 1] if copy_of else document
    share = max(1, shares(document)[copy_of] // 2)
    given: dict[str, Any] = {"SizePercent": share}
    if copy_of or document.get("TreatmentName"):
        given["TreatmentName"] = (_("Copy of %(name)s") % {"name": names(document)[copy_of]})[:128]
    return given | _taken(source, varies)


def _copied(document: Mapping[str, Any], own: Mapping[str, Any], varies: Variation) -> dict[str, Any]:
    """The same treatment with another thing of its own: that of the default one, until it is changed."""
    kept = {name: own[name] for name in ("SizePercent", "TreatmentName", "TreatmentDescription") if name in own}
    has_own = any(own.get(name) for name in _MEMBERS[varies])
    return kept | _taken(own if has_own else document, varies)


def _taken(source: Mapping[str, Any], varies: Variation) -> dict[str, Any]:
    members = {name: copy.deepcopy(source[name]) for name in _MEMBERS[varies] if source.get(name)}
    pabal = {name: copy.deepcopy(value) for name, value in source.get("Pabal", {}).items() if name in _PABAL[varies]}
    return members | {"Pabal": pabal}
