"""Who the points of the pages messages, usage and events are."""

from __future__ import annotations

import datetime

from django.utils.translation import gettext as _

from analytics.event_names import spoken_names_of
from analytics.models import EventKind
from analytics.statistics import activity
from console.statistics.points import BOUNCES, Asked, Point, acted, between, of_chart, unknown, weekday_and_hour

K = EventKind


@of_chart("messages")
def message_point(asked: Asked) -> Point:
    sentences = {
        "sent": _("Sent on %(day)s"), "delivered": _("Delivered on %(day)s"), "opens": _("Opened on %(day)s"),
        "clicks": _("Clicked on %(day)s"), "bounced": _("Bounced on %(day)s"), "unsubscribed": _("Unsubscribed on %(day)s"),
    }  # fmt: skip
    kinds = {
        "sent": (K.EMAIL_DELIVERED,), "delivered": (K.EMAIL_SEND,), "opens": (K.EMAIL_OPEN,), "clicks": (K.EMAIL_CLICK,),
        "bounced": BOUNCES, "unsubscribed": (K.EMAIL_UNSUBSCRIBE,),
    }  # fmt: skip
    if asked.series not in kinds:
        raise unknown()
    members = acted(asked, kinds[asked.series], [asked.span])
    if asked.series == "delivered":
        members -= acted(asked, BOUNCES, [asked.span])
    return Point(sentences[asked.series] % {"day": asked.day}, members)


@of_chart("reactions")
def reaction_point(asked: Asked) -> Point:
    spans, said = weekday_and_hour(asked)
    name = _("Opened or clicked on %(when)s (%(days)s)") % {"when": said, "days": between(asked.days)}
    return Point(name, acted(asked, [K.EMAIL_OPEN, K.EMAIL_CLICK], spans))


@of_chart("session-hours")
def session_hour_point(asked: Asked) -> Point:
    spans, said = weekday_and_hour(asked)
    return Point(
        _("Had a session on %(when)s (%(days)s)") % {"when": said, "days": between(asked.days)},
        acted(asked, [K.SESSION_START], spans),
    )


@of_chart("events", "sessions", "sign-ins")
def event_point(asked: Asked) -> Point:
    """The series is a type of events."""
    names = spoken_names_of(project_id=asked.project.pk)
    kind = int(asked.series) if asked.series.isascii() and asked.series.isdecimal() and len(asked.series) < 6 else 0
    if kind not in names:
        raise unknown()
    return Point(_("%(event)s on %(day)s") % {"event": names[kind], "day": asked.day}, acted(asked, [kind], [asked.span]))


@of_chart("active")
def active_point(asked: Asked) -> Point:
    """Days of UTC, as the picture has them."""
    length = {"daily": 1, "monthly": activity.MONTH}.get(asked.series)
    if length is None:
        raise unknown()
    first = asked.day - datetime.timedelta(days=length - 1)
    name = _("Active on %(day)s") if length == 1 else _("Active in the thirty days to %(day)s")
    return Point(name % {"day": asked.day}, activity.active(project_id=asked.project.pk, first=first, last=asked.day))


@of_chart("retention")
def retention_point(asked: Asked) -> Point:
    """The series is a week's Monday, the label how many weeks later."""
    mondays = activity.mondays(asked.days.last)
    found = {f"{monday:%Y-%m-%d}": number for number, monday in enumerate(mondays)}
    later = int(asked.label) if asked.label in tuple("01234567") else -1
    if asked.series not in found or not 0 <= later < len(mondays) - found[asked.series]:
        raise unknown()
    members = activity.came_back(project_id=asked.project.pk, last=asked.days.last, week=found[asked.series], later=later)
    name = _("New in the week of %(week)s") if later == 0 else _("New in the week of %(week)s, back %(count)s weeks later")
    return Point(name % {"week": asked.series, "count": later}, members)
