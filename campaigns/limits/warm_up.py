"""The warm-up plan: how many messages a project sends on each day of its first weeks. What exceeds it waits for tomorrow."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from campaigns.models import WarmUpDay

# Growing by half to twice a day, as mailbox providers advise for an address that nobody knows.
USUAL = (200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 70_000, 100_000, 150_000, 200_000, 300_000, 500_000)
LONGEST = 90  # days

_RESERVE = """
    INSERT INTO campaigns_warmupday AS day (project_id, date, used) SELECT %(project)s, %(date)s, %(count)s WHERE %(count)s <= %(cap)s
    ON CONFLICT (project_id, date) DO UPDATE SET used = day.used + %(count)s WHERE day.used + %(count)s <= %(cap)s
"""
_GIVE_BACK = """
    UPDATE campaigns_warmupday SET used = greatest(0, used - %(count)s) WHERE project_id = %(project)s AND date = %(date)s
"""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """``caps[0]`` on the ``start`` date, ``caps[1]`` on the next one, and so on. Before and after them there is no cap."""

    start: datetime.date
    caps: tuple[int, ...]

    def cap(self, date: datetime.date) -> int | None:
        day = (date - self.start).days
        return self.caps[day] if 0 <= day < len(self.caps) else None


def parse_warm_up(stored: Any) -> WarmUp | None:
    """Read the setting; raises ``ValueError`` with a sentence."""
    if not stored:
        return None
    caps = stored.get("Caps") if isinstance(stored, Mapping) else None
    if not isinstance(caps, list) or not 1 <= len(caps) <= LONGEST:
        raise ValueError(_("A warm-up plan has 1 to %(most)s days.") % {"most": LONGEST})
    if any(not isinstance(cap, int) or isinstance(cap, bool) or not 1 <= cap <= 100_000_000 for cap in caps):
        raise ValueError(_("A warm-up plan is a list of messages a day, such as 200, 500, 1000."))
    try:
        start = datetime.date.fromisoformat(str(stored.get("Start")))
    except ValueError:
        raise ValueError(_("A warm-up plan needs the date of its first day.")) from None
    return WarmUp(start=start, caps=tuple(caps))


def today(*, now: datetime.datetime, zone: str) -> datetime.date:
    return now.astimezone(zoneinfo.ZoneInfo(zone)).date()


def tomorrow(*, date: datetime.date, zone: str) -> datetime.datetime:
    """When the day after ``date`` begins (UTC)."""
    midnight = datetime.datetime.combine(date + datetime.timedelta(days=1), datetime.time(), zoneinfo.ZoneInfo(zone))
    return midnight.astimezone(datetime.UTC)


def left(*, project_id: int, date: datetime.date, cap: int) -> int:
    """How many more the day allows, as far as is committed."""
    used = WarmUpDay.objects.filter(project_id=project_id, date=date).values_list("used", flat=True).first()
    return max(0, cap - (used or 0))


def reserve(*, project_id: int, date: datetime.date, cap: int, count: int) -> bool:
    """Take ``count`` of the day, in the caller's transaction; False: others were quicker, and so many are not left."""
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, {"project": project_id, "date": date, "cap": cap, "count": count})
        return bool(cursor.rowcount)


def give_back(*, project_id: int, date: datetime.date, count: int) -> None:
    """In the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, {"project": project_id, "date": date, "count": count})
