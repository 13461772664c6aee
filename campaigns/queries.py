"""The numbers of a campaign, and the people behind each of them: from exclusions, outcomes and reach, never by counting events."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncHour
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics import queries as analytics_queries
from analytics.event_names import names_of
from analytics.hit_classes import COUNTED
from analytics.models import FIRST_CUSTOM_KIND, EventKind
from campaigns import channels, treatments
from campaigns.clicks import messages
from campaigns.funnel import Funnel, funnel
from campaigns.models import (
    NOT_LAUNCHED,
    Campaign,
    CampaignState,
    ExclusionReason,
    Outcome,
    Run,
    RunExclusion,
    RunState,
    Slice,
    SliceOutcome,
    SliceRefusal,
)
from campaigns.numbers import mail_numbers
from core.audience import Audience
from endpoints.queries import endpoint_rows
from messaging.delivery import refusals
from projects.models import Installation, Project
from segments.models import Segment
from segments.ports import SegmentPin, SegmentUser

_FROZEN = ("frozen", "waiting")
_NUMBER = 9  # digits of a link's number
_FATES = 50  # runs of which somebody's page tells
_REACHED = {
    "opened": (EventKind.EMAIL_OPEN,),
    "clicked": (EventKind.EMAIL_CLICK,),
    "unsubscribed": (EventKind.EMAIL_UNSUBSCRIBE,),
    "bounced": (EventKind.EMAIL_HARDBOUNCE, EventKind.EMAIL_SOFTBOUNCE),
    "complained": (EventKind.EMAIL_COMPLAINT,),
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One number: ``rate`` in percent (None where there is none), ``formula`` in words; ``what`` names the people behind it."""

    what: str
    label: str
    value: int
    rate: float | None
    formula: str


@dataclass(frozen=True, slots=True)
class RunLine:
    run: Run
    treatment: str  # its name, where there are several
    sent: int
    opened: int
    clicked: int
    count: int = 1  # how many runs it stands for: of an event campaign those of an hour are one line


@dataclass(frozen=True, slots=True)
class ReasonLine:
    what: str
    label: str
    total: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A campaign's numbers over all its runs."""

    tiles: list[Tile]
    funnel: Funnel
    refused: list[ReasonLine]  # what mail servers refused them for; no people behind these
    targeted: int
    attempted: int
    frozen: int
    runs: list[RunLine]
    is_live: bool
    adds_up: bool


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    endpoint_id: str
    address: str
    user_id: str
    outcome: str  # in words, of the newest run that decided


def campaigns(*, project: Project) -> QuerySet[Campaign]:
    """The project's campaigns, deleted ones left out, newest first."""
    return Campaign.objects.filter(project=project).exclude(state="DELETED").order_by("-id")


# A launched campaign in one of these may send again. A draft can't be launched without a segment; the others are over.
MAY_SEND = (
    CampaignState.SCHEDULED, CampaignState.EXECUTING, CampaignState.PENDING_NEXT_RUN, CampaignState.PAUSED, CampaignState.STOPPING,
)  # fmt: skip


# Pinpoint's quota of a project; its "active" leaves out paused ones.
MOST_EVENT_CAMPAIGNS = 25
_ACTIVE = (CampaignState.SCHEDULED, CampaignState.EXECUTING, CampaignState.PENDING_NEXT_RUN)


def get_campaign(*, project: Project, campaign_id: str, with_deleted: bool = False) -> Campaign:
    """By public id. Raises ``Campaign.DoesNotExist``."""
    found = Campaign.objects.filter(project=project) if with_deleted else campaigns(project=project)
    return found.select_related("project").get(public_id=campaign_id)


def segment_versions_of(*, campaigns: Collection[Campaign]) -> dict[str, int]:
    """The newest versions of the segments that these campaigns of one project go to, by public id. One query."""
    wanted = {campaign.document.get("SegmentId", "") for campaign in campaigns}
    of = {campaign.project_id for campaign in campaigns}
    return dict(Segment.objects.filter(project__in=of, public_id__in=wanted).values_list("public_id", "version"))


def is_by_events(document: dict[str, Any]) -> bool:
    """Whether events start the campaign's runs."""
    return (document.get("Schedule") or {}).get("Frequency") == "EVENT"


def other_event_campaigns(*, campaign: Campaign) -> int:
    """How many other event campaigns of the project are active."""
    active = Campaign.objects.filter(
        project_id=campaign.project_id, state__in=_ACTIVE, document__Schedule__Frequency="EVENT"
    ).exclude(pk=campaign.pk)
    return active.count()


# What a mail's reader does, too, may start a message; what the house itself did may not.
_STARTING_MAILS = (EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK, EventKind.EMAIL_UNSUBSCRIBE)
_NEVER_STARTING = frozenset(
    str(kind.label) for kind in EventKind if str(kind.label).startswith(("_email.", "_SMS.")) and kind not in _STARTING_MAILS
) | {str(EventKind.CAMPAIGN_SEND.label), str(EventKind.JOURNEY_SEND.label)}


def may_start(event_type: str) -> bool:
    """Whether events of this name can start a message."""
    return event_type not in _NEVER_STARTING


def event_choices(*, project_id: int) -> list[str]:
    """The events to choose from: the project's own first."""
    names = names_of(project_id=project_id)
    return [
        names[kind] for kind in sorted(names, key=lambda kind: (kind < FIRST_CUSTOM_KIND, names[kind])) if may_start(names[kind])
    ]


def using_segments(*, project_id: int, pins: Collection[SegmentPin]) -> QuerySet[Campaign]:
    """The project's campaigns that are to be sent, or were, to one of these segments."""
    use = Q(pk__in=[])
    for pin in pins:
        one = Q(document__SegmentId=pin.segment_id)
        use |= one if pin.version is None else one & Q(document__SegmentVersion=pin.version)
    return Campaign.objects.filter(use, project_id=project_id)


def segment_users(project_id: int, pins: Collection[SegmentPin]) -> list[SegmentUser]:
    """What deleting these segments does to campaigns: those that may send end, drafts stay, the others need no segment any more."""
    using = using_segments(project_id=project_id, pins=pins).filter(state__in=[*MAY_SEND, *NOT_LAUNCHED])
    return [
        SegmentUser(
            key=campaign.public_id,
            name=campaign.name,
            kind=_("Campaign"),
            state=str(CampaignState(campaign.state).label),
            url=reverse("campaigns:show-campaign", args=[campaign.project.public_id, campaign.public_id]),
            ends=not campaign.is_editable,
        )
        for campaign in using.select_related("project").order_by("pk")
    ]


def campaign_summary(*, campaign: Campaign, run_limit: int = 50, classes: Collection[int] = COUNTED) -> Summary:
    """The numbers and the newest runs; ``classes``: whose opens and clicks. Nine queries at most, however many runs there are."""
    if is_by_events(campaign.document):
        return _summary_by_hours(campaign, run_limit, classes)
    runs = list(
        campaign.runs.exclude(state=RunState.PENDING, frozen=0)
        .defer("audience", "content", "triggered")
        .order_by("-occurrence_at", "zone_wave")
    )
    ids = [run.pk for run in runs]
    excluded: dict[str, int] = defaultdict(int)
    for reason, total in RunExclusion.objects.filter(run_id__in=ids).values_list("reason").annotate(sum=Sum("total")):
        excluded[reason] += total
    outcomes: dict[str, int] = defaultdict(int)
    sent_by_run: dict[int, int] = defaultdict(int)
    for run_id, outcome, total in (
        SliceOutcome.objects.filter(run_id__in=ids).values_list("run_id", "outcome").annotate(sum=Sum("total"))
    ):
        outcomes[outcome] += total
        if outcome == Outcome.SUCCESS:
            sent_by_run[run_id] += total
    counts = analytics_queries.run_counts(project_id=campaign.project_id, run_ids=ids, classes=classes)
    targeted, frozen = sum(run.targeted for run in runs), sum(run.frozen for run in runs)
    attempted = sum(outcomes.values())
    names = treatments.names(campaign.document)
    finished = [run for run in runs if run.completed_at is not None]
    return Summary(
        tiles=_tiles(campaign, targeted, sum(excluded.values()), outcomes, attempted, list(counts.values())),
        funnel=funnel(targeted=targeted, frozen=frozen, excluded=excluded, outcomes=outcomes),
        refused=_refused(ids) if outcomes[Outcome.FAILURE_PERMANENT] or outcomes[Outcome.TRANSIENT_FAILURE] else [],
        targeted=targeted,
        attempted=attempted,
        frozen=frozen,
        runs=[
            RunLine(
                run,
                names[run.treatment] if len(names) > 1 else "",
                sent_by_run[run.pk],
                counts[run.pk].unique_opens,
                counts[run.pk].unique_clicks,
            )
            for run in runs[:run_limit]
        ],
        is_live=len(finished) < len(runs) or campaign.state in ("SCHEDULED", "EXECUTING"),
        adds_up=all(run.failure is None or run.failure["code"] in ("restored", "freeze") for run in runs)
        and targeted == frozen + sum(excluded.values()),
    )


def _summary_by_hours(campaign: Campaign, limit: int, classes: Collection[int]) -> Summary:
    """The same of a campaign that events start: it may have thousands of runs a day, so none is read by itself."""
    hours = list(
        campaign.runs.annotate(hour=TruncHour("occurrence_at"))
        .values("hour")
        .annotate(
            people=Sum("targeted"), to_send=Sum("frozen"), count=Count("pk"), failed=Count("pk", filter=Q(state=RunState.FAILED)),
            open=Count("pk", filter=Q(completed_at=None) & ~Q(state=RunState.FAILED)),
            broken=Count("pk", filter=Q(failure__isnull=False) & ~Q(failure__code__in=["restored", "freeze"])),
        )
        .order_by("-hour")
    )  # fmt: skip
    excluded = RunExclusion.objects.filter(run__campaign=campaign).values_list("reason").annotate(sum=Sum("total"))
    by_reason: dict[str, int] = defaultdict(int) | dict(excluded)
    outcomes: dict[str, int] = defaultdict(int)
    sent: dict[datetime.datetime, int] = defaultdict(int)
    found = SliceOutcome.objects.filter(run__campaign=campaign).annotate(hour=TruncHour("run__occurrence_at"))
    for hour, outcome, total in found.values_list("hour", "outcome").annotate(sum=Sum("total")):
        outcomes[outcome] += total
        sent[hour] += total if outcome == Outcome.SUCCESS else 0
    counts = analytics_queries.campaign_counts(project_id=campaign.project_id, campaign_id=campaign.pk, classes=classes)
    opened, clicked = (_by_hour(campaign, some) for some in (counts.opened, counts.clicked))
    targeted, frozen = sum(one["people"] for one in hours), sum(one["to_send"] for one in hours)
    has_refusals = outcomes[Outcome.FAILURE_PERMANENT] or outcomes[Outcome.TRANSIENT_FAILURE]
    return Summary(
        tiles=_tiles(campaign, targeted, sum(by_reason.values()), outcomes, sum(outcomes.values()), [counts.total]),
        funnel=funnel(targeted=targeted, frozen=frozen, excluded=by_reason, outcomes=outcomes),
        refused=_refused(campaign.runs.values("pk")) if has_refusals else [],
        targeted=targeted,
        attempted=sum(outcomes.values()),
        frozen=frozen,
        runs=[
            RunLine(_of_hour(one), "", sent[one["hour"]], opened[one["hour"]], clicked[one["hour"]], one["count"])
            for one in hours[:limit]
        ],
        is_live=any(one["open"] for one in hours) or campaign.state in ("SCHEDULED", "EXECUTING"),
        adds_up=not any(one["broken"] for one in hours) and targeted == frozen + sum(by_reason.values()),
    )


def _of_hour(hour: Mapping[str, Any]) -> Run:
    """A run, never saved, that says what those of an hour say together."""
    state = RunState.RUNNING if hour["open"] else RunState.FAILED if hour["failed"] == hour["count"] else RunState.COMPLETED
    return Run(occurrence_at=hour["hour"], state=state, targeted=hour["people"], frozen=hour["to_send"])


def _by_hour(campaign: Campaign, by_run: dict[int, int]) -> dict[datetime.datetime, int]:
    found: dict[datetime.datetime, int] = defaultdict(int)
    runs = campaign.runs.filter(pk__in=by_run).annotate(hour=TruncHour("occurrence_at")).values_list("pk", "hour")
    for run_id, hour in runs:
        found[hour] += by_run[run_id]
    return found


def _refused(runs: Sequence[int] | QuerySet[Any]) -> list[ReasonLine]:
    found = (
        SliceRefusal.objects.filter(run_id__in=runs).values_list("refusal").annotate(sum=Sum("total")).order_by("-sum", "refusal")
    )
    return [ReasonLine(key, str(refusals.LABELS[refusals.RefusalClass(key)]), total) for key, total in found]


def _rate(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _tiles(
    campaign: Campaign,
    targeted: int,
    excluded: int,
    outcomes: dict[str, int],
    attempted: int,
    counts: Sequence[analytics_queries.RunCounts],
) -> list[Tile]:
    sent = outcomes[Outcome.SUCCESS]
    tiles = [
        Tile("targeted", _("Targeted"), targeted, None, _("members of the segment when the run was frozen")),
        Tile("excluded", _("Excluded"), excluded, _rate(excluded, targeted), _("excluded ÷ targeted")),
        Tile("outcome-SUCCESS", _("Sent"), sent, _rate(sent, targeted - excluded), _("sent ÷ (targeted − excluded)")),
    ]
    failed = Tile("failed", _("Failed"), attempted - sent, _rate(attempted - sent, attempted), _("failed ÷ attempted"))
    if channels.is_custom(campaign.document):  # nothing is known of them but that the program took somebody
        return [*tiles, failed]
    delivered, *reactions = _mail_tiles(outcomes, counts)
    return [*tiles, delivered, failed, *reactions]


def _mail_tiles(outcomes: dict[str, int], counts: Sequence[analytics_queries.RunCounts]) -> list[Tile]:
    """Delivered first, then what people did."""
    mail = mail_numbers(sent=outcomes[Outcome.SUCCESS], counts=counts)
    by_delivered = _("%(what)s ÷ delivered")

    def of_delivered(what: str, label: str, value: int, who: str) -> Tile:
        return Tile(what, label, value, _rate(value, mail.delivered), by_delivered % {"what": who})

    return [
        Tile(
            "outcome-SUCCESS", _("Delivered"), mail.delivered, _rate(mail.delivered, mail.sent),
            _("delivered ÷ sent; a later bounce corrects it"),
        ),
        of_delivered("opened", _("Opened"), mail.opened, _("people who opened")),
        of_delivered("clicked", _("Clicked"), mail.clicked, _("people who clicked")),
        of_delivered("unsubscribed", _("Unsubscribed"), mail.unsubscribed, _("people who unsubscribed")),
        Tile("bounced", _("Bounced"), mail.bounced, _rate(mail.bounced, mail.tried), _("bounced ÷ (sent + refused)")),
        of_delivered("complained", _("Complaints"), mail.complained, _("complaints")),
    ]  # fmt: skip


def people_behind(*, campaign: Campaign, what: str, classes: Collection[int] = COUNTED) -> tuple[str, Audience] | None:
    """The label and the endpoints of a number (over all runs), or None when there is no such number. ``classes``: whose opens and
    clicks count."""
    runs = campaign.runs.values_list("pk", flat=True)
    exclusions, outcomes = RunExclusion.objects.filter(run__campaign=campaign), SliceOutcome.objects.filter(run_id__in=runs)
    kind, _dash, key = what.partition("-")
    if kind == "excluded" and (not key or key in ExclusionReason.values):
        found = exclusions.filter(reason=key) if key else exclusions
        label = str(ExclusionReason(key).label) if key else _("Excluded")
        return label, Audience.union(row.members for row in found.only("members").iterator(chunk_size=100))
    if kind == "outcome" and key in Outcome.values:
        rows = outcomes.filter(outcome=key).only("members").iterator(chunk_size=100)
        return str(Outcome(key).label), Audience.union(row.members for row in rows)
    if what == "failed":
        rows = outcomes.exclude(outcome=Outcome.SUCCESS).only("members").iterator(chunk_size=100)
        return _("Failed"), Audience.union(row.members for row in rows)
    frozen = [run.audience for run in campaign.runs.only("audience") if run.audience is not None] if what in _FROZEN else []
    if what == "frozen":
        return _("To be sent to"), Audience.union(frozen)
    if what == "waiting":
        rows = outcomes.only("members").iterator(chunk_size=100)
        return _("Not attempted yet"), Audience.union(frozen) - Audience.union(row.members for row in rows)
    if what == "targeted":
        everyone = [run.audience for run in campaign.runs.only("audience") if run.audience is not None]
        return _("Targeted"), Audience.union([*everyone, *(row.members for row in exclusions.only("members"))])
    if kind == "link":
        return _who_clicked(campaign, key)
    if what in _REACHED:
        labels = {
            "opened": _("Opened"), "clicked": _("Clicked"), "unsubscribed": _("Unsubscribed"), "bounced": _("Bounced"),
            "complained": _("Complaints"),
        }  # fmt: skip
        run_ids = list(runs)
        return labels[what], Audience.union(
            analytics_queries.reach(project_id=campaign.project_id, run_ids=run_ids, kind=kind, classes=classes)
            for kind in _REACHED[what]
        )
    return None


def _who_clicked(campaign: Campaign, key: str) -> tuple[str, Audience] | None:
    """``key``: a message's, and the number of one of its links."""
    of, _dash, number = key.rpartition("-")
    message = next((one for one in messages.sent_messages(campaign=campaign) if one.key == of), None)
    if message is None or not number.isascii() or not number.isdecimal() or len(number) > _NUMBER:
        return None
    run_ids = messages.run_ids(campaign=campaign, message=message)
    label = _("Clicked link %(number)s") % {"number": number}
    return label, analytics_queries.reach(
        project_id=campaign.project_id, run_ids=run_ids, kind=EventKind.EMAIL_CLICK, link_number=int(number)
    )


def people(*, campaign: Campaign, members: Audience, after: int, limit: int) -> list[Person]:
    """A keyset page of an audience, by endpoint id; people deleted since are shown by number only."""
    ids = members.after(endpoint_id=after, limit=limit)
    rows = {row.id: row for row in endpoint_rows(project_id=campaign.project_id, ids=ids)}
    ends = _latest_ends(campaign=campaign, endpoint_ids=ids)
    return [
        Person(
            id=endpoint_id,
            endpoint_id=rows[endpoint_id].document["Id"] if endpoint_id in rows else "",
            address=rows[endpoint_id].address if endpoint_id in rows else "",
            user_id=rows[endpoint_id].document["User"].get("UserId", "") if endpoint_id in rows else "",
            outcome=ends.get(endpoint_id, _("not attempted yet")),
        )
        for endpoint_id in ids
    ]


def _latest_ends(*, campaign: Campaign, endpoint_ids: list[int]) -> dict[int, str]:
    """What became of these people in the newest run that decided about them."""
    found: dict[int, str] = {}
    left = Audience(endpoint_ids)
    for runs in _chunks(campaign):
        ends = _ends(runs=runs, wanted=left)
        for run_id in runs:
            found = ends[run_id] | found
        left = left - Audience(found)
        if not left:
            break
    return found


def _chunks(campaign: Campaign) -> Iterator[list[int]]:
    """The ids of its runs, newest first: first one, then ever more at once. Events may have started a hundred thousand."""
    ids = list(campaign.runs.order_by("-occurrence_at").values_list("pk", flat=True))
    start, size = 0, 1
    while start < len(ids):
        yield ids[start : start + size]
        start, size = start + size, min(size * 4, 256)


def _ends(*, runs: Sequence[int], wanted: Audience) -> dict[int, dict[int, str]]:
    """What became of these people in each of the runs, as far as they have decided. Two queries."""
    found: dict[int, dict[int, str]] = {run_id: {} for run_id in runs}
    for exclusion in RunExclusion.objects.filter(run__in=runs).only("run", "reason", "members").iterator(chunk_size=100):
        text = _("left out: %(reason)s") % {"reason": ExclusionReason(exclusion.reason).label}
        found[exclusion.run_id] |= dict.fromkeys(exclusion.members & wanted, text)
    for row in SliceOutcome.objects.filter(run__in=runs).only("run", "outcome", "members").iterator(chunk_size=100):
        found[row.run_id] |= dict.fromkeys(row.members & wanted, str(Outcome(row.outcome).label))
    return found


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one person in one run."""

    occurrence_at: datetime.datetime
    text: str


def fates(*, campaign: Campaign, endpoint_id: int) -> list[Fate]:
    """Why somebody got it, or didn't: one line for each run, newest first; where events start runs, for each that was about them."""
    found: list[Fate] = []
    only_own = is_by_events(campaign.document)
    for ids in _chunks(campaign):
        ends = _ends(runs=ids, wanted=Audience([endpoint_id]))
        for run in campaign.runs.filter(pk__in=ids).only("campaign", "occurrence_at", "audience").order_by("-occurrence_at"):
            is_member = run.audience is not None and endpoint_id in run.audience
            otherwise = _("not attempted yet") if is_member else _("not a member of the segment then")
            if is_member or endpoint_id in ends[run.pk] or not only_own:
                found.append(Fate(occurrence_at=run.occurrence_at, text=ends[run.pk].get(endpoint_id, otherwise)))
        if len(found) >= _FATES:
            break
    return found[:_FATES]


def own_segment(*, campaign: Campaign) -> Segment | None:
    """The segment that was filtered inside the wizard, if that is the way chosen last."""
    return None if campaign.document.get("Pabal", {}).get("SegmentIds") else unlisted_segment(campaign=campaign)


def unlisted_segment(*, campaign: Campaign) -> Segment | None:
    """The segment that was made for the campaign alone: filtered inside the wizard, or several that were ticked."""
    segment_id = campaign.document.get("SegmentId")
    if not segment_id:
        return None
    found = Segment.objects.filter(project=campaign.project, public_id=segment_id, deleted_at=None, is_listed=False)
    return found.select_related("project").first()


def is_shared(*, campaign: Campaign, segment: Segment) -> bool:
    """Whether another campaign, whatever its state, goes to the segment, too."""
    pins = [SegmentPin(segment.public_id)]
    return using_segments(project_id=campaign.project_id, pins=pins).exclude(pk=campaign.pk).exists()


@dataclass(frozen=True, slots=True)
class InDoubt:
    """What is not known of a campaign that was restored: how many may have got it, and whether a whole occurrence may be lacking."""

    since: datetime.datetime
    people: int
    missed_at: datetime.datetime | None  # came due after the backup: nothing is known of this run
    is_freezing: bool  # a run whose audience was being computed: nobody knows whom it went to


def in_doubt(*, campaign: Campaign) -> InDoubt | None:
    """None for a campaign that is not held since a restore."""
    if campaign.restored_from is None:
        return None
    restored_at = Installation.objects.values_list("restored_at", flat=True).get(singleton=True)
    waiting = Slice.objects.filter(
        Q(run__state=RunState.RUNNING) | Q(run__state=RunState.PENDING, run__due_at__lte=restored_at),
        Q(not_before=None) | Q(not_before__lte=restored_at), run__campaign=campaign, state=Slice.State.OPEN,
    )  # fmt: skip
    people = waiting.aggregate(people=Sum(F("size") - F("done_cursor")))["people"] or 0
    missed = campaign.treatments.filter(next_run_at__lte=restored_at).aggregate(at=Min("next_run_at"))["at"]
    is_freezing = campaign.runs.filter(state=RunState.FREEZING).exists()
    return InDoubt(since=campaign.restored_from, people=people, missed_at=missed, is_freezing=is_freezing)
