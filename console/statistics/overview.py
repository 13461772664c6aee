"""The pictures of a project's first page: how the audience grew, what was sent, who is active, what was bought. The last thirty days."""

from __future__ import annotations

import datetime
import zoneinfo

from django.utils.translation import gettext as _

from analytics.models import EventKind
from analytics.statistics import activity, daily, revenue
from analytics.statistics.daily import Days
from console.queries import Figures
from console.statistics import pictures
from console.statistics.charts import Chart, Series, day_labels
from console.statistics.frame import linked
from console.statistics.revenue import revenue_by_day
from endpoints import demographics
from projects.access import Access

_DAYS = 30
_SENT = (EventKind.EMAIL_DELIVERED, EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK)


def overview_charts(*, access: Access, figures: Figures, today: datetime.date) -> list[Chart]:
    """``figures``: as of now. A query for each picture, of counters and sets."""
    days = Days(today - datetime.timedelta(days=_DAYS - 1), today, zoneinfo.ZoneInfo(access.project.time_zone))
    charts = [_audience(access, figures, days), _messages(access, days), _active(access, days)]
    bought = revenue.revenue(project_id=access.project.pk, days=days)
    if bought.total:
        currency = next(iter(bought.total))
        charts.append(revenue_by_day(bought, currency, days, linked(access, days, currency=currency)))
    return charts


def _audience(access: Access, figures: Figures, days: Days) -> Chart:
    """As days were counted; of today what is there now."""
    counted = demographics.growth(project_id=access.project.pk, first=days.first, last=days.last)
    counts = [(one.endpoints, one.reachable) if (one := counted.get(day)) else (None, None) for day in days.all[:-1]]
    counts.append((figures.endpoints, figures.reachable))
    series = [
        Series(_("Endpoints"), [endpoints for endpoints, _reachable in counts]),
        Series(_("Reachable"), [reachable for _endpoints, reachable in counts]),
    ]  # fmt: skip
    return Chart(
        "audience", _("Audience growth"), "line", day_labels(days.all), series, corner=_("Day"),
        note=_("As it was at the end of each day, and is today. Reachable: active, not opted out, with an address."),
        empty=_("Nobody is here yet. Import your members, or let your app or web pages send them."),
    )  # fmt: skip


def _messages(access: Access, days: Days) -> Chart:
    found = daily.by_day(project_id=access.project.pk, days=days, kinds=_SENT)
    series = [
        Series(name, found[kind], key=key, total=sum(found[kind]))
        for name, kind, key in zip((_("Sent"), _("Opens"), _("Clicks")), _SENT, ("sent", "opens", "clicks"), strict=True)
    ]  # fmt: skip
    return Chart(
        "messages", _("Messages by day"), "line", day_labels(days.all), series, corner=_("Day"),
        points=linked(access, days)("messages"), empty=_("Nothing was sent in these thirty days. Write a message and launch a campaign."),
    )  # fmt: skip


def _active(access: Access, days: Days) -> Chart:
    found = activity.active_days(project_id=access.project.pk, first=days.first, last=days.last)
    empty = _(
        "Nobody was active in these thirty days: who opens or clicks a mail is, and who uses your app or web pages that send events."
    )
    return pictures.active_by_day(found, linked(access, days), empty=empty)
