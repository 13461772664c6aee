"""Pinpoint's Limits and QuietTime, and our members beside them, as frozen values: a campaign's own, and a project's rules."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.limits.domains import USUAL, DomainRate, parse_rates
from campaigns.limits.quiet import QuietTime
from campaigns.limits.warm_up import WarmUp, parse_warm_up
from core.errors import Refusal
from projects.models import Project, SendingSettings

# Pinpoint's bounds (reference, section 6.3); a year for the duration, for which it names none.
BOUNDS = {"Daily": (1, 100), "Total": (1, 100), "MaximumDuration": (60, 31_536_000), "MessagesPerSecond": (1, 20_000)}
LONGEST_SPREAD = 72  # hours
USUAL_EXPIRY, LONGEST_EXPIRY = 5, 1_440  # minutes from an event until its message is dropped; Pinpoint: five
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")


class LimitsRefused(Refusal):
    """The limits can't be read; the sentence says what is wrong."""


@dataclass(frozen=True, slots=True)
class CampaignLimits:
    """What a campaign's own document says. None: no limit."""

    daily: int | None = None
    total: int | None = None
    maximum_duration: datetime.timedelta | None = None
    per_second: int | None = None
    quiet: QuietTime | None = None
    holds_quiet: bool = False  # wait until quiet time ends, instead of dropping the message
    spread: datetime.timedelta = datetime.timedelta(0)


@dataclass(frozen=True, slots=True)
class ProjectRules:
    """What holds for every campaign of a project, from the next slice on."""

    zone: str
    daily: int | None = None
    rates: tuple[DomainRate, ...] = ()
    warm_up: WarmUp | None = None
    event_expiry: datetime.timedelta = datetime.timedelta(minutes=USUAL_EXPIRY)


def parse_limits(document: Mapping[str, Any]) -> CampaignLimits:
    """Read a campaign's document; raises ``LimitsRefused``."""
    limits, pabal = _object(document.get("Limits"), "Limits"), document.get("Pabal") or {}
    seconds = _number(limits, "MaximumDuration")
    hours = pabal.get("SpreadHours") or 0
    if not isinstance(hours, int) or isinstance(hours, bool) or not 0 <= hours <= LONGEST_SPREAD:
        raise LimitsRefused(_("Sending can be spread over 1 to %(most)s hours.") % {"most": LONGEST_SPREAD})
    mode = pabal.get("QuietTimeMode") or "DROP"
    if mode not in ("DROP", "HOLD"):
        raise LimitsRefused(_("QuietTimeMode is DROP or HOLD."))
    return CampaignLimits(
        daily=_number(limits, "Daily"),
        total=_number(limits, "Total"),
        maximum_duration=datetime.timedelta(seconds=seconds) if seconds else None,
        per_second=_number(limits, "MessagesPerSecond"),
        quiet=parse_quiet((document.get("Schedule") or {}).get("QuietTime")),
        holds_quiet=mode == "HOLD",
        spread=datetime.timedelta(hours=hours),
    )


def parse_quiet(stored: Any) -> QuietTime | None:
    """Pinpoint's QuietTime; empty: none. Raises ``LimitsRefused``."""
    quiet = _object(stored, "QuietTime")
    if not quiet.get("Start") and not quiet.get("End"):
        return None
    start, end = (_CLOCK.match(str(quiet.get(name) or "")) for name in ("Start", "End"))
    if start is None or end is None:
        raise LimitsRefused(_("Quiet time needs a start and an end, such as 21:00 and 08:00."))
    found = QuietTime(*(datetime.time(int(one[1]), int(one[2])) for one in (start, end)))
    if found.start == found.end:
        raise LimitsRefused(_("Quiet time can't start and end at the same time."))
    return found


def parse_rules(document: Mapping[str, Any], *, zone: str) -> ProjectRules:
    """Read a project's settings; raises ``LimitsRefused``."""
    pabal = _object(document.get("Pabal"), "Pabal")
    try:
        rates, warm_up = parse_rates(pabal.get("DomainRates") or []), parse_warm_up(pabal.get("WarmUp"))
    except ValueError as error:
        raise LimitsRefused(str(error)) from None
    daily = _number(_object(document.get("Limits"), "Limits"), "Daily")
    minutes = pabal.get("EventExpiryMinutes") or USUAL_EXPIRY
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= LONGEST_EXPIRY:
        raise LimitsRefused(_("A message to an event is dropped after 1 to %(most)s minutes.") % {"most": LONGEST_EXPIRY})
    expiry = datetime.timedelta(minutes=minutes)
    return ProjectRules(zone=zone, daily=daily, rates=rates, warm_up=warm_up, event_expiry=expiry)


def settings_document(project: Project) -> dict[str, Any]:
    """The project's settings as stored; empty when none were saved."""
    found = SendingSettings.objects.filter(project=project).values_list("document", flat=True).first()
    return found or {}


def rules_of(project: Project) -> ProjectRules:
    """The rules as they stand now. One query. A live project that saved none has those for Korean portals."""
    document = settings_document(project)
    if not document:
        rates = () if project.is_practice else parse_rates(USUAL)
        return ProjectRules(zone=project.time_zone, rates=rates)
    return parse_rules(document, zone=project.time_zone)


def with_defaults(document: Mapping[str, Any], *, project: Project) -> dict[str, Any]:
    """A new campaign's document with the project's defaults where it says nothing: they hold for campaigns made from now on.

    Not Daily: the project's counts all campaigns, and is asked when a message is sent.
    """
    settings = settings_document(project)
    limits = {name: value for name, value in (settings.get("Limits") or {}).items() if name != "Daily"}
    made = dict(document)
    if limits:
        made["Limits"] = limits | (document.get("Limits") or {})
    schedule = document.get("Schedule") or {}
    if settings.get("QuietTime") and "QuietTime" not in schedule:
        made["Schedule"] = {**schedule, "QuietTime": settings["QuietTime"]}
        mode = (settings.get("Pabal") or {}).get("QuietTimeMode")
        if mode:
            made["Pabal"] = {"QuietTimeMode": mode, **(document.get("Pabal") or {})}
    return made


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise LimitsRefused(_("%(name)s is not an object.") % {"name": name})
    return value


def _number(limits: Mapping[str, Any], name: str) -> int | None:
    value = limits.get(name)
    if value is None:
        return None
    least, most = BOUNDS[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise LimitsRefused(_("%(name)s is a number from %(least)s to %(most)s.") % {"name": name, "least": least, "most": most})
    return value
