"""Event campaigns (docs/adr/0026-event-campaigns.md): an event becomes a trigger, a tick makes triggers into runs of the ordinary kind."""

from __future__ import annotations

import datetime
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils.translation import gettext as _

from analytics.events import EventRow
from analytics.models import HitClass, SourceKind
from analytics.services.event_types import LIMIT, kinds_of
from campaigns import channels, lifecycle, limits, queries, schedule
from campaigns.models import Campaign, CampaignState, EventListener, EventTrigger, Run, RunState
from campaigns.services import occurrences, restoring
from campaigns.services.drafts import CampaignRefused
from core.audience import Audience
from core.errors import Refusal
from core.transitions import TransitionRefused
from endpoints.queries import reached_through
from projects.models import Installation
from segments import evaluation

PAUSE = datetime.timedelta(seconds=5)  # between two runs of one campaign: a day has at most 17,280 of them
BATCH = 50_000  # triggers a run
_AGES = 5  # groups of triggers by age, each with its own end: a late one must not end the others early
_LOCK = 0x7061_6264
_LIVE = (CampaignState.SCHEDULED, CampaignState.PENDING_NEXT_RUN, CampaignState.EXECUTING)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Listening:
    campaign_id: int
    since: datetime.datetime
    until: datetime.datetime
    wanted: schedule.EventFilter

    def means(self, row: EventRow) -> bool:
        """An event of a message of its own starts nothing: it would go on for ever."""
        if row.source_kind == SourceKind.CAMPAIGN and row.source_id == self.campaign_id:
            return False
        return self.since <= row.occurred_at < self.until and self.wanted.holds(row.data)


def listen(*, held: Campaign, plan: schedule.Schedule) -> None:
    """Note for which kinds of events a campaign listens. The caller has locked it; raises ``CampaignRefused``."""
    if plan.event is None:
        return
    check_room(held=held)
    kinds = kinds_of(project_id=held.project_id, names=plan.event.types)
    if len(kinds) < len(set(plan.event.types)):
        raise CampaignRefused(
            _("The project has %(limit)s types of events already. Choose one that it knows.") % {"limit": LIMIT}
        )
    EventListener.objects.bulk_create(
        EventListener(campaign=held, project_id=held.project_id, kind=kind) for kind in set(kinds.values())
    )


def check_room(*, held: Campaign) -> None:
    """Raises ``CampaignRefused`` when the project has as many active event campaigns as it may. Two at once: one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, held.project_id % (1 << 31)])
    if queries.other_event_campaigns(campaign=held) >= queries.MOST_EVENT_CAMPAIGNS:
        raise CampaignRefused(
            _("A project has at most %(most)s active event campaigns. Pause or delete one first.")
            % {"most": queries.MOST_EVENT_CAMPAIGNS}
        )


def note_events(rows: Sequence[EventRow]) -> None:
    """Write a trigger for each event that a campaign waits for, in the transaction that writes the events."""
    found = EventListener.objects.filter(
        project__in={row.project_id for row in rows}, kind__in={row.kind for row in rows}, campaign__state__in=_LIVE,
        project__deleted_at=None,
    )  # fmt: skip
    listening: dict[tuple[int, int], list[_Listening]] = defaultdict(list)
    for one in found.select_related("campaign", "campaign__project"):
        if (known := _listening(one.campaign)) is not None:
            listening[one.project_id, one.kind].append(known)
    if not listening:
        return
    EventTrigger.objects.bulk_create(
        (
            EventTrigger(campaign_id=one.campaign_id, event_id=row.id, endpoint_id=row.endpoint_id, occurred_at=row.occurred_at)
            for row in rows if row.hit_class != HitClass.SCANNER
            for one in listening.get((row.project_id, row.kind), ()) if one.means(row)
        ),
        batch_size=5_000, ignore_conflicts=True,
    )  # fmt: skip


def _listening(campaign: Campaign) -> _Listening | None:
    try:
        plan = occurrences.schedule_of(
            campaign=campaign, document=campaign.document, launched_at=campaign.launched_at or campaign.updated_at
        )
    except schedule.ScheduleRefused as refusal:  # it must not stand in the way of the events; the tick says so of the campaign
        _log.error("campaign %s can't listen: %s", campaign.public_id, refusal.message)
        return None
    until = schedule.listens_until(plan)
    if plan.event is None or until is None:
        return None
    return _Listening(campaign.pk, schedule.resolve(plan.start, plan.zone), until, plan.event)


def claim_events(*, now: datetime.datetime) -> list[int]:
    """Make runs of the triggers that wait; returns their ids. Two ticks at once: each trigger is claimed by one of them."""
    restoring.hold_if_restored(now=now)
    if Installation.objects.filter(sending_paused_at__isnull=False).exists():
        return []
    made: list[int] = []
    waiting = EventTrigger.objects.order_by().values_list("campaign_id").distinct()
    for campaign in Campaign.objects.filter(pk__in=waiting, project__deleted_at=None).select_related("project").order_by("pk"):
        if campaign.state in _LIVE and not _rests(campaign, now):
            try:
                made += _claim(campaign, now)
            except TransitionRefused:
                continue  # paused or deleted since it was read; nothing of the claim is kept
        elif campaign.state not in (*_LIVE, CampaignState.PAUSED):
            EventTrigger.objects.filter(campaign=campaign).delete()
    return made


def _rests(campaign: Campaign, now: datetime.datetime) -> bool:
    newest = campaign.runs.order_by("-pk").values_list("created_at", flat=True).first()
    return newest is not None and newest > now - PAUSE


def _claim(campaign: Campaign, now: datetime.datetime) -> list[int]:
    """The segment is asked after the triggers are read: whoever an event's own request made a member is one."""
    mine = EventTrigger.objects.filter(campaign=campaign)
    read = list(mine.order_by("pk").values_list("pk", flat=True)[:BATCH])
    members = _members(campaign, now)
    expiry = limits.rules_of(campaign.project).event_expiry
    with transaction.atomic():
        held = lifecycle.hold(campaign_id=campaign.pk)  # before the runs: that is the order of locks
        taken = _taken(campaign, members, list(mine.filter(pk__in=read).values_list("endpoint_id", "occurred_at")))
        mine.filter(pk__in=read).delete()
        if not taken:
            if not occurrences.may_go_on(campaign_id=campaign.pk):  # its end came meanwhile
                lifecycle.move(campaign_id=campaign.pk, to=CampaignState.COMPLETED, updated_at=now)
            return []
        lifecycle.move(campaign_id=campaign.pk, to=CampaignState.EXECUTING, updated_at=now)
        return [
            Run.objects.create(
                project=campaign.project, campaign=campaign, state=RunState.FREEZING, due_at=now, created_at=now,
                occurrence_at=now + datetime.timedelta(microseconds=place), campaign_version=held.version,
                triggered=Audience(group), expires_at=min(group.values()) + expiry,
            ).pk
            for place, group in enumerate(_by_age(taken, now, expiry))
        ]  # fmt: skip


def _taken(
    campaign: Campaign, members: Audience | None, told: Sequence[tuple[int, datetime.datetime]]
) -> dict[int, datetime.datetime]:
    """Who gets a message, and when the newest of each one's events happened; several within a tick are one message.

    What an endpoint did that the campaign can't reach (a browser, a telephone) its user's mail addresses did.
    """
    reached = reached_through(
        project_id=campaign.project_id, ids={endpoint_id for endpoint_id, _at in told},
        channels=channels.endpoint_types(campaign.document),
    )  # fmt: skip
    taken = dict[int, datetime.datetime]()
    for did, at in told:
        for endpoint_id in reached.get(did, [did]):
            if members is None or endpoint_id in members:
                taken[endpoint_id] = max(at, taken.get(endpoint_id, at))
    return taken


def _members(campaign: Campaign, now: datetime.datetime) -> Audience | None:
    """None when the segment can't be evaluated: the freeze says so, and why."""
    document = campaign.document
    try:
        return evaluation.evaluate_segment(
            project_id=campaign.project_id, segment_id=document["SegmentId"], version=document.get("SegmentVersion"), now=now
        )
    except Refusal:
        return None


def _by_age(
    taken: Mapping[int, datetime.datetime], now: datetime.datetime, expiry: datetime.timedelta
) -> Iterator[dict[int, datetime.datetime]]:
    groups: dict[int, dict[int, datetime.datetime]] = defaultdict(dict)
    for endpoint_id, at in taken.items():
        groups[min(_AGES, max(0, (now - at) // (expiry / _AGES)))][endpoint_id] = at
    for age in sorted(groups):
        yield groups[age]
