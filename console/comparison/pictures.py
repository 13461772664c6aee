"""The pictures of a comparison: rates, and what came of each campaign since it began to send."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Mapping, Sequence

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.models import EventKind
from analytics.statistics.course import Course
from campaigns.comparison import Compared
from console.statistics.charts import Chart, Series

_HOUR, _DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
COURSES = {"48h": Course(48, _HOUR), "7d": Course(7, _DAY), "30d": Course(30, _DAY)}
KINDS = (EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK, EventKind.EMAIL_UNSUBSCRIBE)


def names(lines: Sequence[Compared]) -> list[str]:
    """Each campaign's name; of those that are called alike with the day on which they were made."""
    often = collections.Counter(one.campaign.name for one in lines)
    return [
        one.campaign.name
        if often[one.campaign.name] == 1
        else f"{one.campaign.name} ({date_format(one.campaign.created_at, 'Y-m-d')})"
        for one in lines
    ]


def rates(lines: Sequence[Compared]) -> Chart:
    """Shares of the delivered mails, in the order of the lines."""
    mails = [one.mail for one in lines]
    of = {
        _("Delivered"): [(one.delivered, one.sent) if one else (0, 0) for one in mails],
        _("Opened"): [(one.opened, one.delivered) if one else (0, 0) for one in mails],
        _("Clicked"): [(one.clicked, one.delivered) if one else (0, 0) for one in mails],
        _("Unsubscribed"): [(one.unsubscribed, one.delivered) if one else (0, 0) for one in mails],
        _("Bounced"): [(one.bounced, one.tried) if one else (0, 0) for one in mails],
        _("Complaints"): [(one.complained, one.delivered) if one else (0, 0) for one in mails],
    }
    series = [
        Series(name, [part / whole if whole else None for part, whole in parts], is_rate=True) for name, parts in of.items()
    ]
    note = _("Delivered ÷ sent; bounced ÷ (sent + refused); the others ÷ delivered. People count once in each run.")
    return Chart("rates", _("Rates"), "bar", names(lines), series, corner=_("Campaign"), note=note)


def courses(
    lines: Sequence[Compared], *, started: Mapping[int, datetime.datetime], found: Mapping[int, Mapping[int, Sequence[int]]],
    course: Course, now: datetime.datetime,
) -> list[Chart]:  # fmt: skip
    """One picture for opens, clicks and unsubscribes each. A step that has not begun has no number."""
    titles = {
        EventKind.EMAIL_OPEN: ("opens-since", _("Opens since the start")),
        EventKind.EMAIL_CLICK: ("clicks-since", _("Clicks since the start")),
        EventKind.EMAIL_UNSUBSCRIBE: ("unsubscribes-since", _("Unsubscribed since the start")),
    }
    note = _("Each one, repeated ones too, ÷ delivered, added up from the hour in which the campaign sent its first mail.")
    return [
        Chart(
            key, title, "line", _labels(course),
            [
                Series(name, _shares(one, found[one.campaign.pk][kind], started[one.campaign.pk], course, now), is_rate=True)
                for name, one in zip(names(lines), lines, strict=True) if one.campaign.pk in found and one.mail is not None
            ],
            corner=_("Hours") if course.length == _HOUR else _("Days"), note=note,
        )
        for kind, (key, title) in titles.items()
    ]  # fmt: skip


def _shares(
    line: Compared, added_up: Sequence[int], start: datetime.datetime, course: Course, now: datetime.datetime
) -> list[float | None]:
    delivered = line.mail.delivered if line.mail else 0
    return [
        value / delivered if delivered and start + number * course.length <= now else None
        for number, value in enumerate(added_up)
    ]


def _labels(course: Course) -> list[str]:
    if course.length == _HOUR:
        return [ngettext("%(count)s h", "%(count)s h", number) % {"count": number} for number in range(1, course.steps + 1)]
    return [ngettext("day %(count)s", "day %(count)s", number) % {"count": number} for number in range(1, course.steps + 1)]
