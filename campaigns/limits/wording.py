"""Limits in sentences."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.limits.document import CampaignLimits, LimitsRefused, ProjectRules, parse_limits, rules_of
from campaigns.limits.warm_up import today
from projects.models import Project

_LONG = 60  # seconds that are worth a word


def sentences(document: Mapping[str, Any], *, project: Project, now: datetime.datetime, people: int | None = None) -> list[str]:
    """What limits the campaign of a document: its own limits, then the project's rules; none where they can't be read.

    ``people``: how many it would go to, to say how long that takes. One query.
    """
    try:
        return [*_own(parse_limits(document), people), *_rules(rules_of(project), now)]
    except LimitsRefused:
        return []  # the review says it


def _own(limits: CampaignLimits, people: int | None) -> Iterator[str]:
    if limits.quiet:
        hours = {"start": f"{limits.quiet.start:%H:%M}", "end": f"{limits.quiet.end:%H:%M}"}
        if limits.holds_quiet:
            yield _("Quiet from %(start)s to %(end)s where each recipient is: messages are held until it ends.") % hours
        else:
            yield _("Quiet from %(start)s to %(end)s where each recipient is: messages are dropped.") % hours
    if limits.daily:
        yield ngettext(
            "At most %(count)s message of this campaign to one person in 24 hours.",
            "At most %(count)s messages of this campaign to one person in 24 hours.",
            limits.daily,
        ) % {"count": limits.daily}
    if limits.total:
        yield ngettext(
            "At most %(count)s message to one person over all runs.",
            "At most %(count)s messages to one person over all runs.",
            limits.total,
        ) % {"count": limits.total}
    if limits.per_second:
        rate = ngettext("At most %(count)s message a second.", "At most %(count)s messages a second.", limits.per_second)
        text = rate % {"count": number_format(limits.per_second, force_grouping=True)}
        seconds = (people or 0) // limits.per_second
        if seconds >= _LONG:
            text += " " + _("That takes about %(duration)s.") % {"duration": duration(datetime.timedelta(minutes=seconds // 60))}
        yield text
    if limits.spread:
        hours_ = int(limits.spread.total_seconds() // 3600)
        yield ngettext("Spread over %(hours)s hour.", "Spread over %(hours)s hours.", hours_) % {"hours": hours_}
    if limits.maximum_duration:
        yield _("Each run gives up after %(duration)s.") % {"duration": duration(limits.maximum_duration)}


def _rules(rules: ProjectRules, now: datetime.datetime) -> Iterator[str]:
    if rules.daily:
        yield ngettext(
            "At most %(count)s message of all campaigns of the project to one person in 24 hours.",
            "At most %(count)s messages of all campaigns of the project to one person in 24 hours.",
            rules.daily,
        ) % {"count": rules.daily}
    date = today(now=now, zone=rules.zone)
    if rules.warm_up and (date - rules.warm_up.start).days < len(rules.warm_up.caps):
        cap = rules.warm_up.cap(date)
        if cap is None:
            yield _("The warm-up of the project begins on %(date)s.") % {"date": rules.warm_up.start.isoformat()}
        else:
            given_ = {"count": number_format(cap, force_grouping=True)}
            yield _("Warm-up: %(count)s messages of the project today; what exceeds it waits for tomorrow.") % given_
    if rules.rates:
        names = ", ".join(f"{rate.name} {number_format(rate.per_minute, force_grouping=True)}" for rate in rules.rates[:5])
        yield _("Messages a minute to recipient domains: %(names)s.") % {"names": names + ("…" if rules.rates[5:] else "")}


def duration(length: datetime.timedelta) -> str:
    """In hours and minutes, or seconds where it is not full minutes."""
    seconds = int(length.total_seconds())
    hours, minutes = divmod(seconds // 60, 60)
    parts = []
    if hours:
        parts.append(ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours})
    if minutes:
        parts.append(ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes})
    if seconds % 60:
        parts.append(ngettext("%(count)s second", "%(count)s seconds", seconds % 60) % {"count": seconds % 60})
    return " ".join(parts)
