"""What stands on each day: one entry for all that a campaign sends on it. Pinned to a few queries, however many campaigns there are."""

from __future__ import annotations

import datetime
import enum
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from django.db import connection
from django.db.models import Sum

from analytics.models import SendCounter, SourceKind
from campaigns import queries, schedule
from campaigns.calendar import estimates
from campaigns.calendar.span import Span
from campaigns.models import Outcome
from projects.models import Project

_FAR = datetime.timedelta(days=400)  # ahead; further nobody looks for a number


class Kind(enum.StrEnum):
    PLANNED = "planned"
    PAUSED = "paused"  # it would be sent, if the campaign went on
    WAITING = "waiting"  # a wave whose people are known already
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a campaign sends, or sent, on a day.

    ``wall`` is the first time of it on the clock: the project's, or with ``is_local`` each recipient's own. ``people`` are those of all
    ``times`` together: an estimate while it is planned, None when there is none yet.
    """

    day: datetime.date
    wall: datetime.time
    kind: Kind
    name: str
    campaign_id: str  # empty: it was deleted and has no page
    times: int = 1
    is_local: bool = False
    is_by_events: bool = False  # it waits for them; nobody knows how many will come
    people: int | None = None
    sent: int = 0
    runs: list[int] = field(default_factory=list)
    key: estimates.Key | None = None  # of the segment whose count is the estimate

    @property
    def is_to_come(self) -> bool:
        return self.kind in (Kind.PLANNED, Kind.PAUSED, Kind.WAITING)


_RUNS = """
    SELECT (r.due_at AT TIME ZONE %(zone)s)::date, min(r.due_at), c.name, CASE WHEN c.state = 'DELETED' THEN '' ELSE c.public_id END,
           count(DISTINCT (r.occurrence_at, r.zone_wave)), sum(r.frozen), array_agg(r.id), r.state = 'PENDING',
           bool_or(r.state IN ('FREEZING', 'RUNNING')), bool_and(r.state = 'FAILED')
      FROM campaigns_run r JOIN campaigns_campaign c ON c.id = r.campaign_id
     WHERE r.project_id = %(project)s AND r.due_at >= %(since)s AND r.due_at < %(until)s
       AND NOT (r.frozen = 0 AND r.zone_wave = '' AND r.state IN ('RUNNING', 'COMPLETED')
                AND coalesce(c.document #> '{Schedule,IsLocalTime}' = 'true', false))
     GROUP BY c.id, 1, r.state = 'PENDING'
"""
# How many the newest occurrence of each treatment went to, all its waves together.
_LAST = """
    SELECT t.campaign_id, t.number, sum(r.frozen)
      FROM campaigns_treatment t
      JOIN LATERAL (SELECT max(occurrence_at) AS at FROM campaigns_run
                     WHERE campaign_id = t.campaign_id AND treatment = t.number AND state IN ('PENDING', 'RUNNING', 'COMPLETED')
                   ) newest ON newest.at IS NOT NULL
      JOIN campaigns_run r ON r.campaign_id = t.campaign_id AND r.treatment = t.number AND r.occurrence_at = newest.at
     WHERE t.campaign_id = ANY(%(campaigns)s::bigint[])
     GROUP BY t.campaign_id, t.number
"""
# The parts of a document that say when, without the messages: they may be long. A treatment's own stand before the default one's.
_PLANS = """
    SELECT c.id, c.public_id, c.name, c.state = 'PAUSED', c.launched_at, t.number, t.next_run_at,
           coalesce(c.document #> ARRAY['AdditionalTreatments', (t.number - 1)::text, 'Schedule'], c.document -> 'Schedule'),
           coalesce(c.document #>> ARRAY['AdditionalTreatments', (t.number - 1)::text, 'Pabal', 'TimeZone'],
                    c.document #>> '{Pabal,TimeZone}'),
           c.document ->> 'SegmentId', (c.document ->> 'SegmentVersion')::int,
           jsonb_path_query_array(c.document, '$.AdditionalTreatments[*].SizePercent'),
           coalesce((c.document ->> 'HoldoutPercent')::numeric, 0)
      FROM campaigns_campaign c JOIN campaigns_treatment t ON t.campaign_id = c.id
     WHERE c.project_id = %(project)s AND c.state = ANY(%(states)s)
       AND (t.next_run_at < %(before)s OR t.next_run_at IS NOT NULL AND c.document #>> '{Schedule,Frequency}' = 'EVENT')
"""


def entries(*, project: Project, span: Span, now: datetime.datetime) -> dict[datetime.date, list[Entry]]:
    """By day, in the order of time. Three queries and a look into Redis; the numbers of what was sent come with ``with_numbers``."""
    by_day: dict[datetime.date, list[Entry]] = defaultdict(list)
    for entry in [*_of_runs(project, span), *_planned(project, span, now)]:
        by_day[entry.day].append(entry)
    return {day: sorted(found, key=lambda one: (one.wall, one.name, one.kind)) for day, found in by_day.items()}


def with_numbers(*, project: Project, shown: Collection[Entry]) -> list[Entry]:
    """The entries with how many were sent. One query, over the runs of these entries only."""
    runs = [run for entry in shown for run in entry.runs]
    if not runs:
        return list(shown)
    counted = SendCounter.objects.filter(
        project_id=project.pk, source_kind=SourceKind.CAMPAIGN, run_id__in=runs, status=Outcome.SUCCESS
    )
    sent = dict(counted.values_list("run_id").annotate(total=Sum("total")))
    return [replace(entry, sent=sum(sent.get(run, 0) for run in entry.runs)) for entry in shown]


def _of_runs(project: Project, span: Span) -> Iterator[Entry]:
    given: dict[str, int | str | datetime.datetime] = {
        "zone": project.time_zone,
        "project": project.pk,
        "since": span.since,
        "until": span.until,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, given)
        rows = cursor.fetchall()
    for day, first_at, name, campaign_id, times, frozen, runs, is_pending, is_open, has_failed in rows:
        kind = Kind.WAITING if is_pending else Kind.SENDING if is_open else Kind.FAILED if has_failed else Kind.SENT
        yield Entry(
            day=day, wall=first_at.astimezone(span.zone).time(), kind=kind, name=name, campaign_id=campaign_id, times=times,
            people=int(frozen), runs=runs,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """A treatment of a campaign that will send; ``share``: of the segment's members, from 0 to 1."""

    pk: int
    number: int
    public_id: str
    name: str
    is_paused: bool
    next_run_at: datetime.datetime
    schedule: schedule.Schedule
    share: float
    key: estimates.Key


def plans(*, project: Project, before: datetime.datetime) -> Iterator[Plan]:
    """The treatments with a run to come before an instant. One query. One whose schedule can't be read is left out."""
    given: dict[str, int | list[str] | datetime.datetime] = {
        "project": project.pk, "states": [str(state) for state in queries.MAY_SEND], "before": before,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PLANS, given)
        rows = cursor.fetchall()
    for pk, public_id, name, is_paused, launched_at, number, next_run_at, said, zone, segment, version, sizes, holdout in rows:
        try:
            plan = schedule.parse_schedule(
                schedule=json.loads(said or "{}"), pabal={"TimeZone": zone}, project_zone=project.time_zone,
                launched_at=launched_at or next_run_at,
            )  # fmt: skip
        except schedule.ScheduleRefused:
            continue  # the tick says so on the campaign's page
        others = json.loads(sizes)
        percent = others[number - 1] if 0 < number <= len(others) else 100 - sum(others) - float(holdout)
        key = estimates.Key(segment or "", version)
        yield Plan(pk, number, public_id, name, is_paused, next_run_at, plan, percent / 100, key)


def last_sizes(*, campaigns: Iterable[int]) -> dict[tuple[int, int], int]:
    """How many people the newest occurrence of each treatment went to, by campaign and number; who never ran is not in it. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST, {"campaigns": list(campaigns)})
        return {(pk, number): int(total) for pk, number, total in cursor.fetchall()}


def count_missing(*, project: Project, clock: Callable[[], datetime.datetime]) -> int:
    """Count the segments of the campaigns that never ran; returns how many were counted."""
    known = list(plans(project=project, before=clock() + _FAR))
    last = last_sizes(campaigns={plan.pk for plan in known})
    return estimates.count(
        project=project,
        keys=_uncounted(known, last),
        clock=clock,
    )


def _uncounted(known: Iterable[Plan], last: Collection[tuple[int, int]]) -> set[estimates.Key]:
    """The segments of those that never ran; how many an event brings nobody can count."""
    return {plan.key for plan in known if (plan.pk, plan.number) not in last and plan.schedule.event is None}


def _planned(project: Project, span: Span, now: datetime.datetime) -> Iterable[Entry]:
    """Treatments that are sent at the same time are one entry."""
    if span.until <= now:
        return []
    known = list(plans(project=project, before=span.until + schedule.DAY_ON_EARTH))
    last = last_sizes(campaigns={plan.pk for plan in known})
    counts = estimates.known(project_id=project.pk, keys=_uncounted(known, last))
    found: dict[tuple[str, datetime.date, datetime.time], Entry] = {}
    for plan in known:
        by_events = plan.schedule.event is not None
        people, key = None if by_events else last.get((plan.pk, plan.number)), None
        if people is None and not by_events:
            key, count = plan.key, counts.get(plan.key)
            people = None if count is None else round(count * plan.share)
        for day, wall, times in schedule.per_day(
            plan.schedule, days=span.days, zone=span.zone, since=now if by_events else _begin(plan, now)
        ):
            entry = Entry(
                day=day, wall=wall, kind=Kind.PAUSED if plan.is_paused else Kind.PLANNED, name=plan.name, campaign_id=plan.public_id,
                times=times, is_local=plan.schedule.is_local, is_by_events=by_events,
                people=None if people is None else people * times, key=key,
            )  # fmt: skip
            place = (plan.public_id, day, wall)
            found[place] = _together(found[place], entry) if place in found else entry
    return found.values()


def _together(one: Entry, other: Entry) -> Entry:
    people = None if one.people is None or other.people is None else one.people + other.people
    return replace(one, people=people, key=one.key or other.key)


def _begin(plan: Plan, now: datetime.datetime) -> datetime.datetime:
    """From when on there are occurrences: a paused campaign skips what has passed when it goes on."""
    return max(plan.next_run_at, now) if plan.is_paused else plan.next_run_at
