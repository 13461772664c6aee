"""What is missing or odd before a launch: errors forbid it, warnings don't. Each names the wizard's step that mends it."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import zoneinfo
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns import channels, limits, queries, schedule, template_use, treatments
from campaigns.custom import delivery
from campaigns.models import Campaign, CampaignPast, CampaignState
from campaigns.sending.message import content_of
from core.errors import Refusal
from messaging import inspection
from messaging import queries as messaging_queries
from messaging.rendering import MessageContent, TemplateError, compile_content, find_warnings
from projects.models import Installation
from segments import queries as segment_queries
from segments.models import Segment, SegmentType

_KOREA = zoneinfo.ZoneInfo("Asia/Seoul")
_NIGHT_FROM, _NIGHT_TO = 21, 8  # hours in Korea between which advertisements need a consent of their own (정보통신망법 제50조)


@dataclass(frozen=True, slots=True)
class Finding:
    """``step`` is the wizard's: name, segment, message or schedule; ``treatment`` whose it is.

    ``url``: a page outside of the wizard that mends it, if there is one.
    """

    is_error: bool
    code: str
    message: str
    step: str
    treatment: int = 0
    url: str = ""


def findings(*, campaign: Campaign, now: datetime.datetime) -> list[Finding]:
    """Everything to say about a campaign, errors first."""
    found = [*_restored(campaign), *_past(campaign), *_segment(campaign, now), *_treatments(campaign)]
    for number in treatments.numbers(campaign.document):
        found += _of_treatment(campaign, number, now)
    return sorted(found, key=lambda finding: not finding.is_error)


def message_findings(*, campaign: Campaign) -> list[Finding]:
    """What there is to say about the message alone, errors first."""
    return sorted(_message(campaign), key=lambda finding: not finding.is_error)


def schedule_error(*, plan: schedule.Schedule, now: datetime.datetime) -> Finding | None:
    """Why a schedule allows no run at all, if it does not; ``code`` says whether its start or its end is to be mended."""
    if plan.event is not None and plan.end is None:
        return _error("end_past", _("Choose when it stops waiting for events."), "schedule")
    if plan.end is not None and plan.end <= plan.start and not plan.is_immediate:
        return _error("end_before_start", _("The end is before the start."), "schedule")
    if schedule.first_due(plan, now=now) if plan.event else _coming(plan, now):
        return None
    if plan.end is not None:
        return _error("end_past", _("The end leaves no run in the future. Choose a later end."), "schedule")
    return _error("past", _("The start is in the past. Choose a later time, or “Now”."), "schedule")


def of_treatment(*, campaign: Campaign, number: int) -> Campaign:
    """A copy, never saved, that says what the campaign says for one treatment."""
    edited = copy.copy(campaign)
    edited.document = treatments.definition(campaign.document, number)
    return edited


def _of_treatment(campaign: Campaign, number: int, now: datetime.datetime) -> Iterator[Finding]:
    """What there is to say about a treatment's message and schedule, where they are its own; with several its name says whose."""
    own = treatments.varied_step(campaign.document)
    edited = of_treatment(campaign=campaign, number=number)
    if number == 0 or own == "message":
        yield from _named(_message(edited), campaign, number if own == "message" else None)
    if number == 0 or own == "schedule":
        yield from _named(_schedule(edited, now), campaign, number if own == "schedule" else None)


def _named(found: Iterable[Finding], campaign: Campaign, number: int | None) -> Iterator[Finding]:
    if number is None:
        yield from found
        return
    name = treatments.names(campaign.document)[number]
    for one in found:
        yield dataclasses.replace(one, treatment=number, message=f"{name}: {one.message}")


def _treatments(campaign: Campaign) -> Iterator[Finding]:
    document = campaign.document
    step = treatments.varied_step(document)
    if not step:
        return
    if len(treatments.numbers(document)) > treatments.MOST:
        yield _error("treatments", _("A campaign has at most %(most)s treatments.") % {"most": treatments.MOST}, step)
    if min(treatments.shares(document)) < 1:
        text = _("The shares and the holdout are more than 100 %: nothing is left for one of the treatments. Lower a share.")
        yield _error("shares", text, step)
    plan = document.get("Schedule", {})
    test = treatments.winner(document)
    if test is None:
        return
    if channels.is_custom(document) and test.metric != "CONVERSION":
        yield _error(
            "winner", _("Of a custom channel nobody knows who opens: a winner can be chosen by conversions only."), "message"
        )
    elif step != "message" or plan.get("Frequency", "ONCE") != "ONCE" or plan.get("IsLocalTime"):
        text = _("A winner can be chosen automatically only among messages that are sent once, at one time for all.")
        yield _error("winner", text, "schedule")


def _error(code: str, message: str, step: str) -> Finding:
    return Finding(is_error=True, code=code, message=message, step=step)


def _warning(code: str, message: str, step: str) -> Finding:
    return Finding(is_error=False, code=code, message=message, step=step)


def _restored(campaign: Campaign) -> Iterator[Finding]:
    """A draft of a backup may have been launched, and sent, between the backup and the loss."""
    since = Installation.objects.filter(restored_from__gte=campaign.updated_at).values_list("restored_from", flat=True).first()
    if since is not None:
        at = date_format(timezone.localtime(since), "Y-m-d H:i")
        yield _warning(
            "restored",
            _("This draft is from a backup of %(time)s. If it was launched after that, launching it sends it once more.")
            % {"time": at},
            "name",
        )


def _past(campaign: Campaign) -> Iterator[Finding]:
    """A draft that came from Pinpoint may have been sent there."""
    state = CampaignPast.objects.filter(campaign=campaign.pk).values_list("state", flat=True).first()
    if state in (CampaignState.EXECUTING, CampaignState.PENDING_NEXT_RUN):
        yield _warning(
            "past",
            _("This draft came from Pinpoint, where it had begun to be sent. Whoever got it from there gets it again."),
            "name",
        )  # fmt: skip


def _segment(campaign: Campaign, now: datetime.datetime) -> Iterator[Finding]:
    segment_id = campaign.document.get("SegmentId")
    if not segment_id:
        yield _error("no_segment", _("Choose whom the message goes to."), "segment")
        return
    try:
        segment = segment_queries.get_segment(project=campaign.project, segment_id=segment_id)
        types = channels.endpoint_types(campaign.document)
        counts = segment_queries.segment_counts(
            project=campaign.project, segment=segment, version=campaign.document.get("SegmentVersion"), now=now, channels=types
        )  # fmt: skip
    except Segment.DoesNotExist:
        yield _error("segment_gone", _("The segment was deleted. Choose another one."), "segment")
    except Refusal as refusal:
        yield _error("segment_broken", refusal.message, "segment")
    else:
        if counts.eligible == 0:
            yield _warning("nobody", _("Nobody in the segment can be sent to right now."), "segment")
        yield from _limits(campaign, counts.eligible)


def _limits(campaign: Campaign, eligible: int) -> Iterator[Finding]:
    try:
        own = limits.parse_limits(campaign.document)
    except limits.LimitsRefused as refusal:
        yield _error("limits", refusal.message, "schedule")
        return
    if own.maximum_duration and own.spread > own.maximum_duration:
        yield _error("spread_too_long", _("It would give up before all are sent to. Spread it over fewer hours."), "schedule")
    seconds = eligible / own.per_second if own.per_second else 0
    if own.maximum_duration and seconds > own.maximum_duration.total_seconds():
        given = {
            "needed": limits.duration(datetime.timedelta(minutes=-(-seconds // 60))),
            "allowed": limits.duration(own.maximum_duration),
        }
        yield _warning(
            "too_slow", _("At this rate sending takes about %(needed)s, but it gives up after %(allowed)s.") % given, "schedule"
        )


def _custom(campaign: Campaign) -> Iterator[Finding]:
    said = channels.custom_of(campaign.document)
    target = delivery.target_of(said.uri)
    if target is None:
        yield _error("no_target", _("Say which address or function is to be called."), "message")
        return
    try:
        target.check(by_form=True)  # this is asked on every page, and while a launch holds the campaign
    except Refusal as refused:
        yield _error("target_refused", refused.message, "message")
    if not said.types:
        yield _error("no_types", _("Choose which endpoints it concerns."), "message")
    if len(said.data.encode()) > channels.DATA_LIMIT:
        yield _error("data", _("The data has more than 5 KB."), "message")
    if campaign.project.is_practice:
        text = _(
            "The project is in practice mode, where no program is called: go live first. A call with one member can be tried now."
        )
        url = reverse("projects:edit-project", args=[campaign.project.public_id])
        yield Finding(is_error=True, code="practice", message=text, step="message", url=url)


def _message(campaign: Campaign) -> Iterator[Finding]:
    if channels.is_custom(campaign.document):
        yield from _custom(campaign)
        return
    try:
        campaign = template_use.with_message(campaign)
    except Refusal as gone:
        yield _error("template_gone", gone.message, "message")
        return
    message = campaign.document.get("MessageConfiguration", {}).get("EmailMessage", {})
    content = content_of({"Message": message, "Pabal": campaign.document.get("Pabal", {})})
    yield from _sender(campaign, content)
    if not content.subject.strip():
        yield _error("no_subject", _("Write a subject."), "message")
    elif not content.subject.lstrip().startswith(("(광고)", "（광고）")):
        yield _warning(
            "no_ad_mark", _("The subject does not begin with “(광고)”. Korean law asks for it in every advertisement."), "message"
        )
    if not content.html.strip() and not content.text.strip():
        yield _error("no_body", _("Write the message."), "message")
        return
    try:
        program = compile_content(content, allow_unescaped=campaign.project.allows_raw_values)
    except TemplateError as error:
        yield _error("template", error.message, "message")
        return
    for warning in [
        *find_warnings(program=program, known_names=known_names(campaign)),
        *inspection.find_remarks(program=program),
    ]:
        yield _warning(warning.code, warning.message, "message")


def known_names(campaign: Campaign) -> list[str]:
    """The custom variables that the project's data has."""
    return messaging_queries.variable_names(project=campaign.project)


def _sender(campaign: Campaign, content: MessageContent) -> Iterator[Finding]:
    if not content.from_address:
        yield _error("no_sender", _("Choose a sender."), "message")
        return
    for finding in messaging_queries.sender_findings(project=campaign.project, address=content.from_address):
        yield Finding(is_error=finding.is_error, code=finding.code, message=finding.message, step="message", url=finding.url)


def _schedule(campaign: Campaign, now: datetime.datetime) -> Iterator[Finding]:
    document: dict[str, Any] = campaign.document
    if not document.get("Schedule", {}).get("StartTime"):
        yield _error("no_schedule", _("Choose when it is sent."), "schedule")
        return
    try:
        plan = schedule.parse_schedule(
            schedule=document["Schedule"],
            pabal=document.get("Pabal", {}),
            project_zone=campaign.project.time_zone,
            launched_at=now,
        )
    except schedule.ScheduleRefused as refusal:
        yield _error("schedule", refusal.message, "schedule")
        return
    if plan.event is not None:
        yield from _by_events(campaign, plan, plan.event, now)
        return
    yield from _plan(plan, now)
    yield from _quiet(campaign, plan, now)


def _by_events(
    campaign: Campaign, plan: schedule.Schedule, wanted: schedule.EventFilter, now: datetime.datetime
) -> Iterator[Finding]:
    """What there is to say of a schedule by events."""
    error = schedule_error(plan=plan, now=now)
    if error is not None:
        yield error
    if not (campaign.document.get("Schedule") or {}).get("QuietTime"):
        text = _(
            "Events happen at night, too: between 21:00 and 08:00 in Korea an advertisement needs a separate consent. Set quiet time."
        )
        yield _warning("night", text, "schedule")
    for name in wanted.types:
        if not queries.may_start(name):
            yield _error(
                "event", _("“%(name)s” is told by the console itself and can't start a message.") % {"name": name}, "schedule"
            )
    if queries.other_event_campaigns(campaign=campaign) >= queries.MOST_EVENT_CAMPAIGNS:
        text = _("A project has at most %(most)s active event campaigns. Pause or delete one first.")
        yield _error("event_campaigns", text % {"most": queries.MOST_EVENT_CAMPAIGNS}, "schedule")
    if len(treatments.numbers(campaign.document)) > 1:
        yield _error("event_treatments", _("A campaign that events start has one message: take the treatments away."), "name")
    if campaign.document.get("Pabal", {}).get("SpreadHours"):
        text = _("A message to an event is dropped after minutes: it can't be spread over hours.")
        yield _error("event_spread", text, "schedule")
    segment = Segment.objects.filter(project=campaign.project, public_id=campaign.document.get("SegmentId", "")).first()
    if segment is not None and segment.segment_type != SegmentType.DIMENSIONAL:
        text = _(
            "A campaign that events start goes to a dynamic segment. Make one that has the imported one as its base segment."
        )
        yield _error("event_segment", text, "segment")


def _quiet(campaign: Campaign, plan: schedule.Schedule, now: datetime.datetime) -> Iterator[Finding]:
    """A run that begins when nobody may be sent to: in each recipient's time for all of them, else for those of the project's zone."""
    try:
        own = limits.parse_limits(campaign.document)
    except limits.LimitsRefused:
        return  # said already
    zone = zoneinfo.ZoneInfo(campaign.project.time_zone)
    for one in _coming(plan, now) if own.quiet else []:
        wall = one.wall if plan.is_local else one.at.astimezone(zone)
        if own.quiet is None or not own.quiet.covers(wall.time()):
            continue
        text = _("It begins in quiet time (%(time)s): messages are dropped. Choose another time, or hold them until it ends.")
        if own.holds_quiet:
            text = _("It begins in quiet time (%(time)s): messages are held until it ends.")
        yield _warning("quiet", text % {"time": f"{wall:%H:%M}"}, "schedule")
        return


def _plan(plan: schedule.Schedule, now: datetime.datetime) -> Iterator[Finding]:
    error = schedule_error(plan=plan, now=now)
    if error is not None:
        yield error
        return
    coming = _coming(plan, now)
    walls = [one.wall if plan.is_local else one.at.astimezone(_KOREA).replace(tzinfo=None) for one in coming]
    night = next((wall for wall in walls if wall.hour >= _NIGHT_FROM or wall.hour < _NIGHT_TO), None)
    if night is not None:
        yield _warning(
            "night",
            _("It would be sent at night (%(time)s): between 21:00 and 08:00 in Korea an advertisement needs a separate consent.")
            % {"time": date_format(night, "H:i")},
            "schedule",
        )


def _coming(plan: schedule.Schedule, now: datetime.datetime) -> list[schedule.Occurrence]:
    """The next five runs; one in local time that has begun in the east is still to come in the west."""
    begun = schedule.DAY_ON_EARTH if plan.is_local else datetime.timedelta(seconds=1)
    return schedule.upcoming(plan, after=now - begun, limit=5)
