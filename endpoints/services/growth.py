"""How audiences grow: each project's numbers of the day, and who came in the months that are over."""

from __future__ import annotations

import datetime
import zoneinfo
from collections import defaultdict

from django.db import connection, transaction
from pyroaring import BitMap64

from core.audience import Audience
from endpoints import eligibility
from endpoints.models import ArrivalMonth, AudienceDay
from projects.models import Project

_LOCK = 0x7061_6772  # with the project's id
_GRACE = datetime.timedelta(hours=6)  # after a month's end: writes that began within it are over
_BATCH = 200_000  # endpoints read at once
_PAST_DAYS = 90  # made out from when endpoints came, for a project whose days were not counted yet

_NOTE = """
    INSERT INTO endpoints_audienceday AS held (project_id, day, endpoints, reachable) VALUES (%s, %s, %s, %s)
    ON CONFLICT (project_id, day) DO UPDATE SET endpoints = excluded.endpoints, reachable = excluded.reachable
     WHERE (held.endpoints, held.reachable) IS DISTINCT FROM (excluded.endpoints, excluded.reachable)
"""
_PAST = """
    WITH came AS (
        SELECT (created_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS many
          FROM endpoints_endpoint WHERE project_id = %(project)s GROUP BY 1
    ), grown AS (
        SELECT day, sum(many) OVER (ORDER BY day) AS endpoints FROM came
    )
    INSERT INTO endpoints_audienceday (project_id, day, endpoints)
    SELECT %(project)s, one.day::date, held.endpoints
      FROM generate_series(%(first)s::date, %(today)s::date - 1, '1 day') AS one (day)
     CROSS JOIN LATERAL (SELECT endpoints FROM grown WHERE grown.day <= one.day ORDER BY grown.day DESC LIMIT 1) AS held
    ON CONFLICT (project_id, day) DO NOTHING
"""
_CAME = """
    SELECT id, created_at >= %(since)s AND created_at < %(until)s, date_trunc('month', created_at, 'UTC')
      FROM endpoints_endpoint WHERE project_id = %(project)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""


def note_growth(*, now: datetime.datetime) -> None:
    """Every project's numbers as of now, for the day that it is there; and its months, when one is over. Again it changes nothing."""
    for project in Project.objects.filter(deleted_at=None).only("pk", "time_zone").order_by("pk"):
        _note_day(project, now)
        _close_months(project, now)


def _note_day(project: Project, now: datetime.datetime) -> None:
    today = now.astimezone(zoneinfo.ZoneInfo(project.time_zone)).date()
    counted = eligibility.totals(project_id=project.pk)
    is_first = not AudienceDay.objects.filter(project=project).exists()
    with transaction.atomic(), connection.cursor() as cursor:
        if is_first:
            first = today - datetime.timedelta(days=_PAST_DAYS)
            cursor.execute(_PAST, {"project": project.pk, "zone": project.time_zone, "first": first, "today": today})
        cursor.execute(_NOTE, [project.pk, today, counted.endpoints, counted.reachable])


def _close_months(project: Project, now: datetime.datetime) -> None:
    """One transaction reads who came since the months that are known; killed, it has done nothing, and of two one does it."""
    until = (now - _GRACE).astimezone(datetime.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = (until - datetime.timedelta(days=1)).date().replace(day=1)
    if ArrivalMonth.objects.filter(project=project, month__gte=last).exists():
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK, project.pk % (1 << 31)])
        known = ArrivalMonth.objects.filter(project=project).order_by("-month").values_list("month", flat=True).first()
        if not cursor.fetchone()[0] or (known is not None and known >= last):
            return
        found = _came(
            project.pk, since=_month_after(known) if known else datetime.datetime(1, 1, 2, tzinfo=datetime.UTC), until=until
        )
        found.setdefault(last, BitMap64())
        for ids in found.values():
            ids.run_optimize()
        ArrivalMonth.objects.bulk_create(
            ArrivalMonth(project=project, month=month, members=Audience(ids)) for month, ids in sorted(found.items())
        )


def _month_after(month: datetime.date) -> datetime.datetime:
    return datetime.datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=datetime.UTC)


def _came(project_id: int, *, since: datetime.datetime, until: datetime.datetime) -> dict[datetime.date, BitMap64]:
    """Who came between the two, by month. Goes through all endpoints, some at a time."""
    found: dict[datetime.date, BitMap64] = defaultdict(BitMap64)
    after = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_CAME, {"project": project_id, "since": since, "until": until, "after": after, "limit": _BATCH})
            rows = cursor.fetchall()
            by_month: dict[datetime.datetime, list[int]] = defaultdict(list)
            for pk, is_asked, month in rows:
                if is_asked:
                    by_month[month].append(pk)
            for month, ids in by_month.items():
                found[month.astimezone(datetime.UTC).date()].update(ids)
            if len(rows) < _BATCH:
                return dict(found)
            after = rows[-1][0]
