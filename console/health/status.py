"""What runs and what waits, as it stands now: queues, ticks, leases, backlogs, and what the checks of the invariants said last."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import redis
from django.conf import settings
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_celery_beat.models import PeriodicTask
from redis import RedisError

from analytics.hits import queue as hits
from analytics.hits.waiting import Waiting
from analytics.models import EventStream, Webhook
from campaigns.models import Campaign, CampaignState, Run, RunState, Slice
from console.health import pulse, wording
from console.models import Invariant, InvariantCheck
from core.redis import client
from endpoints.collecting.batch import BATCHES
from endpoints.models import AttributeRemoval, ErasureRequest, FacetDelta
from messaging.models import BounceMailbox, OutcomeNotice
from messaging.services import notices as outcome_notices
from messaging.services import unsubscribe
from projects.models import Installation
from segments.models import ExportJob, ImportJob, ImportPiece, JobStatus

QUEUES = ("ticks", "events", "sends", "imports", "exports", "streams")
_SHOWN = 50  # checks with something broken

_TAKEN_OVER = datetime.timedelta(minutes=2)  # a lost lease is somebody else's by then, while workers are alive
_STARTING = 30  # seconds that workers may take to start; a tick has two of its intervals, but not less
_WRITTEN = datetime.timedelta(minutes=5)  # what waits to be written has waited too long
_IDLE = datetime.timedelta(minutes=10)  # a queue that holds messages, and of which no task was done for so long
_AT_REST = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PENDING_JOB)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page: ``level`` says how it is, ``detail`` why, in words."""

    name: str
    level: wording.Level
    detail: str


@dataclass(frozen=True, slots=True)
class TickLine(Line):
    every: str
    last_at: datetime.datetime | None


@dataclass(frozen=True, slots=True)
class QueueLine(Line):
    waiting: int | None
    last_at: datetime.datetime | None


@dataclass(frozen=True, slots=True)
class LeaseLine(Line):
    """``waiting``: nobody has had them yet, or they were given back."""

    held: int
    lost: int
    waiting: int


@dataclass(frozen=True, slots=True)
class InvariantLine(Line):
    """An invariant over all projects. ``asked``: projects whose check is under way; ``oldest_at``: the check that is oldest."""

    invariant: str
    projects: int
    asked: int
    checked: int
    broken: int
    oldest_at: datetime.datetime | None
    took: str
    looked_at: str


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A project in which an invariant does not hold, with the first of what is broken."""

    project: str
    project_id: str
    invariant: str
    at: datetime.datetime | None
    broken: int
    sentences: list[str]


def worst(lines: Sequence[Line]) -> wording.Level:
    return max((line.level for line in lines), key=wording.ORDER.index, default=wording.Level.GOOD)


# -- ticks and queues --------------------------------------------------------------------------------------------------


def ticks(*, now: datetime.datetime) -> list[TickLine]:
    """Every entry of beat, with how long ago it was done last. Two queries at most, two questions to Redis."""
    schedule = cast("dict[str, dict[str, Any]]", settings.CELERY_BEAT_SCHEDULE)
    stored = {one.name: one for one in PeriodicTask.objects.select_related("interval")}
    try:
        beats, since = pulse.last_of_tasks(), pulse.started_at()
    except RedisError:
        return [TickLine(_("Redis"), wording.Level.BAD, _("Redis does not answer."), "–", None)]
    since = since or _migrated_at()
    lines = []
    for name, entry in sorted(schedule.items()):
        every, last = float(entry["schedule"]), beats.get(entry["task"])
        level, detail = _of_tick(last, every, since, now)
        wrong = _of_entry(stored.get(name), entry) if stored else ""  # none at all: beat was never started
        if wrong:
            level, detail = wording.Level.BAD, wrong
        lines.append(TickLine(name, level, detail, wording.duration(every), last.at if last else None))
    return lines


def _migrated_at() -> datetime.datetime | None:
    """When the installation was made: beat starts some seconds later."""
    return cast("datetime.datetime | None", MigrationRecorder.Migration.objects.aggregate(first=Min("applied"))["first"])


def _of_entry(row: PeriodicTask | None, entry: dict[str, Any]) -> str:
    """What is wrong with the entry as beat holds it. Beat mends it when it is started; the admin lets nobody do it."""
    if row is None:
        return _("Its entry is gone. Start beat again: it makes a new one.")
    if not row.enabled:
        return _("Switched off. Start beat again: it switches it on.")
    every = row.interval.schedule.run_every.total_seconds() if row.interval else None
    if row.task != entry["task"] or every != float(entry["schedule"]):
        return _("Its entry was changed. Start beat again: it puts it back.")
    return ""


def _of_tick(
    beat: pulse.Beat | None, every: float, since: datetime.datetime | None, now: datetime.datetime
) -> tuple[wording.Level, str]:
    if beat is None:
        if since is not None and (now - since).total_seconds() <= max(2 * every, _STARTING):
            return wording.Level.WAITING, _("Not yet due: beat was started just now.")
        return wording.Level.BAD, _("Never done yet.")
    if beat.failure:
        return wording.Level.BAD, _("Failed the last time: %(error)s.") % {"error": beat.failure}
    lag = max(0.0, (now - beat.at).total_seconds())
    level = wording.Level.BAD if lag > 3 * every + 30 else wording.Level.GOOD
    return level, _("%(lag)s ago, took %(took)s") % {"lag": wording.duration(lag), "took": wording.duration(beat.seconds)}


def queues(*, now: datetime.datetime) -> list[QueueLine]:
    """How many messages wait in each queue, and when the last task of it was done."""
    try:
        beats, lengths = pulse.last_of_queues(), _lengths()
    except RedisError:
        return [QueueLine(_("Redis"), wording.Level.BAD, _("Redis does not answer."), None, None)]
    lines = []
    for name in QUEUES:
        beat, waiting = beats.get(name), lengths.get(name)
        level, detail = wording.Level.GOOD, ""
        if waiting and (beat is None or now - beat.at > _IDLE):
            level, detail = wording.Level.NOTE, _("Messages wait and no task was done for long: is a worker of this queue alive?")
        lines.append(QueueLine(name, level, detail, waiting, beat.at if beat else None))
    return lines


def _lengths() -> dict[str, int]:
    """Empty for a broker that is not Redis."""
    if not settings.CELERY_BROKER_URL.startswith(("redis://", "rediss://", "unix://")):
        return {}
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=2, socket_timeout=5)
    with broker, broker.pipeline(transaction=False) as pipe:
        for name in QUEUES:
            pipe.llen(name)
        return dict(zip(QUEUES, pipe.execute(), strict=True))


# -- leases ------------------------------------------------------------------------------------------------------------


def leases(*, now: datetime.datetime) -> list[LeaseLine]:
    """What workers hold, and what a worker held that is gone. One query a kind."""
    sending = (CampaignState.EXECUTING, CampaignState.PENDING_NEXT_RUN)
    kinds: list[tuple[str, QuerySet[Any]]] = [
        (_("Audiences being frozen"), Run.objects.filter(state=RunState.FREEZING)),
        (
            _("Slices being sent"),
            Slice.objects.filter(state=Slice.State.OPEN, run__state=RunState.RUNNING, run__campaign__state__in=sending),
        ),
        (_("Imports being prepared or finished"), ImportJob.objects.exclude(status__in=[*_AT_REST, JobStatus.PROCESSING])),
        (
            _("Pieces of imports"),
            ImportPiece.objects.filter(state=ImportPiece.State.WAITING, job__status=JobStatus.PROCESSING),
        ),
        (_("Imports being undone"), ImportJob.objects.filter(undo=ImportJob.Undo.ASKED)),
        (_("Exports"), ExportJob.objects.exclude(status__in=_AT_REST)),
        (_("Bounce mailboxes"), BounceMailbox.objects.exclude(lease_until=None)),
        (_("Event streams"), EventStream.objects.exclude(lease_until=None)),
        (_("Webhooks"), Webhook.objects.exclude(lease_until=None)),
        (_("Erasures"), ErasureRequest.objects.filter(state=ErasureRequest.State.RUNNING)),
        (_("Removals of attributes"), AttributeRemoval.objects.filter(state=AttributeRemoval.State.RUNNING)),
        (_("Checks of invariants"), InvariantCheck.objects.filter(asked_at__isnull=False)),
    ]
    return [_leases_of(name, rows, now) for name, rows in kinds]


def _leases_of(name: str, rows: QuerySet[Any], now: datetime.datetime) -> LeaseLine:
    lost = Q(lease_until__lt=now)
    found = rows.order_by().aggregate(
        held=Count("pk", filter=Q(lease_until__gte=now)), lost=Count("pk", filter=lost),
        waiting=Count("pk", filter=Q(lease_until=None)), since=Min("lease_until", filter=lost),
    )  # fmt: skip
    level, detail = wording.Level.GOOD, ""
    if found["lost"]:
        age = now - found["since"]
        level = wording.Level.BAD if age > _TAKEN_OVER else wording.Level.NOTE
        detail = _("Lost for %(age)s.") % {"age": wording.duration(age.total_seconds())}
    return LeaseLine(name, level, detail, found["held"], found["lost"], found["waiting"])


# -- backlogs ----------------------------------------------------------------------------------------------------------


def backlogs(*, now: datetime.datetime) -> list[QueueLine]:
    """What is safe, and not yet where it belongs. Four queries, four questions to Redis."""
    facets = FacetDelta.objects.aggregate(total=Count("pk"), oldest=Min("created_at"))
    lines = [_waits(_("Facets to be folded"), facets["total"], facets["oldest"], now)]
    streams = {_("Opens and clicks in Redis"): hits.HITS, _("What web pages sent, in Redis"): BATCHES}
    lines += [_streamed(name, waiting, now) for name, waiting in streams.items()]
    notices = OutcomeNotice.objects.aggregate(total=Count("pk"), oldest=Min("received_at"))
    lines.append(_waits(_("What relays told"), notices["total"], notices["oldest"], now))
    lines += [
        _fails(_("Event streams that can't deliver"), EventStream.objects.filter(state=EventStream.State.RUNNING), now),
        _fails(_("Webhooks that take nothing"), Webhook.objects.filter(state=Webhook.State.RUNNING), now),
    ]
    folders = {
        _("Opens and clicks in the spool"): hits.HITS.spool_folder(), _("Opt-outs in the spool"): unsubscribe.spool_folder(),
        _("What relays told, in the spool"): outcome_notices.spool_folder(),
        _("What web pages sent, in the spool"): BATCHES.spool_folder(),
    }  # fmt: skip
    return lines + [_spooled(name, folder, now) for name, folder in folders.items()]


def _fails(name: str, rows: QuerySet[Any], now: datetime.datetime) -> QueueLine:
    """Their projects' owners have to mend them; nothing is lost meanwhile."""
    failing = rows.filter(failures__gt=0, project__deleted_at=None)
    total = failing.count()
    if not total:
        return QueueLine(name, wording.Level.GOOD, "", 0, None)
    delivered = failing.aggregate(oldest=Min("delivered_at"))["oldest"]
    age = wording.duration((now - delivered).total_seconds()) if delivered else "–"
    return QueueLine(name, wording.Level.NOTE, _("The last one was taken %(age)s ago.") % {"age": age}, total, delivered)


def _streamed(name: str, waiting: Waiting, now: datetime.datetime) -> QueueLine:
    try:
        first = cast("list[tuple[bytes, Any]]", client().xrange(waiting.stream, count=1))
        oldest = _instant(int(first[0][0].split(b"-")[0]) / 1000) if first else None
        return _waits(name, int(client().xlen(waiting.stream)), oldest, now)  # type: ignore[arg-type]  # the client is no async one
    except RedisError:
        return QueueLine(name, wording.Level.BAD, _("Redis does not answer."), None, None)


def _spooled(name: str, folder: Path, now: datetime.datetime) -> QueueLine:
    """Of this machine's folder."""
    times = [file.stat().st_mtime for file in folder.glob("*.json*")] if folder.is_dir() else []
    return _waits(name, len(times), _instant(min(times)) if times else None, now)


def _waits(name: str, total: int, oldest: datetime.datetime | None, now: datetime.datetime) -> QueueLine:
    if oldest is None:
        return QueueLine(name, wording.Level.GOOD, "", total, None)
    level = wording.Level.BAD if now - oldest > _WRITTEN else wording.Level.GOOD
    detail = _("The first for %(age)s.") % {"age": wording.duration((now - oldest).total_seconds())}
    return QueueLine(name, level, detail, total, oldest)


def _instant(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)


# -- after a restore ---------------------------------------------------------------------------------------------------


def restored() -> list[Line]:
    """What is held since a backup was restored. Two queries; nothing on an installation that was never restored."""
    installation = Installation.objects.filter(restored_from__isnull=False).first()
    if installation is None:
        return []
    held = Campaign.objects.filter(restored_from__isnull=False).exclude(state=CampaignState.DELETED).count()
    since = f"{timezone.localtime(installation.restored_from):%Y-%m-%d %H:%M:%S}"
    if not held:
        return [
            Line(
                _("Restored from a backup"),
                wording.Level.GOOD,
                _("Of %(since)s; every campaign is decided on.") % {"since": since},
            )
        ]
    text = ngettext(
        "%(count)s campaign waits for a choice: it comes from a backup of %(since)s, and what it sent after that is not known.",
        "%(count)s campaigns wait for a choice: they come from a backup of %(since)s, and what they sent after that is not known.",
        held,
    )
    return [Line(_("Restored from a backup"), wording.Level.BAD, text % {"count": held, "since": since})]


# -- invariants --------------------------------------------------------------------------------------------------------


def invariants() -> list[InvariantLine]:
    """What the last checks said, over all projects. One query."""
    checks = InvariantCheck.objects.filter(project__deleted_at=None).values("invariant").annotate(
        projects=Count("pk"), asked=Count("asked_at"), looked_at=Sum("checked"), wrong=Sum("broken"),
        done=Count("completed_at"), oldest=Min("completed_at"), took=Max("seconds"),
    )  # fmt: skip
    found: dict[str, Any] = {one["invariant"]: one for one in checks.order_by()}
    return [_invariant(Invariant(name), found.get(name)) for name in Invariant.values]


def _invariant(invariant: Invariant, found: dict[str, Any] | None) -> InvariantLine:
    if found is None or not found["done"]:
        asked, projects = (found["asked"], found["projects"]) if found else (0, 0)
        return InvariantLine(
            str(invariant.label), wording.Level.NOTE, _("Not checked yet."), invariant.value, projects, asked, 0, 0, None, "–", "",
        )  # fmt: skip
    level = wording.Level.BAD if found["wrong"] else wording.Level.GOOD
    return InvariantLine(
        str(invariant.label), level, str(wording.EXPLAINED[invariant]), invariant.value, found["projects"], found["asked"],
        found["done"], found["wrong"], found["oldest"], wording.duration(found["took"]),
        wording.looked_at(invariant, found["looked_at"]),
    )  # fmt: skip


def broken() -> list[BrokenLine]:
    """Projects in which an invariant does not hold, the worst first."""
    checks = InvariantCheck.objects.filter(broken__gt=0, project__deleted_at=None).select_related("project").order_by("-broken")
    return [
        BrokenLine(
            project=check.project.name, project_id=check.project.public_id, invariant=str(Invariant(check.invariant).label),
            at=check.completed_at, broken=check.broken,
            sentences=[wording.sentence(one["code"], one["params"]) for one in check.examples],
        )
        for check in checks[:_SHOWN]
    ]  # fmt: skip
