"""What of a campaign waits, until when and for what: one line for each, as its page shows it."""

from __future__ import annotations

import datetime
import zoneinfo
from dataclasses import dataclass

from django.db import connection
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns.models import HoldReason

_WAITING = """
    SELECT s.hold_reason, CASE WHEN s.hold_reason IN ('QUIET_TIME', 'DOMAIN') THEN s.hold_note ELSE '' END AS note,
           sum(s.size - s.done_cursor), min(s.not_before), max(s.not_before)
      FROM campaigns_slice s JOIN campaigns_run r ON r.id = s.run_id
     WHERE r.campaign_id = %s AND r.state = 'RUNNING' AND s.state = 'OPEN' AND s.not_before > %s AND s.hold_reason <> ''
       AND (s.lease_until IS NULL OR s.lease_until < %s)
     GROUP BY 1, 2 ORDER BY 4, 1, 2 LIMIT 50
"""


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """``total`` people wait; ``text`` says for what and until when."""

    total: int
    text: str


def waiting(*, campaign_id: int, zone: str, now: datetime.datetime) -> list[WaitingLine]:
    """Soonest first. One query. ``zone``: the project's, in which instants are written."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [campaign_id, now, now])
        rows = cursor.fetchall()
    return [
        WaitingLine(total=int(total), text=_text(HoldReason(reason), note, first, last, zone, now))
        for reason, note, total, first, last in rows
    ]


def _text(
    reason: HoldReason, note: str, first: datetime.datetime, last: datetime.datetime, zone: str, now: datetime.datetime
) -> str:
    match reason:
        case HoldReason.QUIET_TIME:
            return _("held until %(at)s in %(zone)s: quiet time") % {"at": _at(first, note, now), "zone": note}
        case HoldReason.DOMAIN:
            given = {"domain": note, "at": _at(last, zone, now)}
            return _("held for the limit of %(domain)s, the last until about %(at)s") % given
        case HoldReason.WARM_UP:
            return _("held until %(at)s: the project's warm-up allows no more today") % {"at": _at(first, zone, now)}
        case HoldReason.SPREAD:
            return _("spread over time, the last at %(at)s") % {"at": _at(last, zone, now)}
        case HoldReason.RETRY:
            return _("refused for now by the mail server, tried again from %(at)s on") % {"at": _at(first, zone, now)}
        case HoldReason.SERVER:
            return _("the mail server can't be reached; tried again at %(at)s") % {"at": _at(first, zone, now)}
        case HoldReason.REDIS:
            return _("Redis can't be reached, so nothing is sent; it goes on by itself")


def _at(instant: datetime.datetime, zone: str, now: datetime.datetime) -> str:
    """The time there; with the date, when that is another one than today."""
    there = zoneinfo.ZoneInfo(zone)
    local = instant.astimezone(there)
    is_today = local.date() == now.astimezone(there).date()
    return date_format(local, "H:i" if is_today else "Y-m-d H:i")
