"""The freeze: a run's audience is computed once, and every member is frozen or excluded for exactly one reason."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from campaigns import channels, lifecycle, limits, schedule, template_use, treatments
from campaigns.custom import delivery
from campaigns.models import CampaignState, ExclusionReason, HoldReason, Run, RunExclusion, RunState, Slice
from campaigns.sending import message
from campaigns.services import occurrences
from campaigns.treatments import membership
from core.audience import Audience
from core.errors import Refusal
from endpoints import eligibility
from messaging import queries as messaging_queries
from messaging.rendering import compile_content
from projects.models import Installation
from segments import evaluation

SLICE_SIZE = 1_000
LEASE = datetime.timedelta(seconds=120)

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime.datetime]


@dataclass(slots=True)
class Frozen:
    """The members of a run or a wave: to be attempted, or left out by reason."""

    audience: Audience
    excluded: dict[str, Audience] = field(default_factory=dict)

    @property
    def targeted(self) -> int:
        return len(self.audience) + sum(map(len, self.excluded.values()))

    def without(self, some: Audience, reason: ExclusionReason) -> Frozen:
        """Those of the audience who are among ``some`` are left out for this reason."""
        taken = self.audience & some
        if not taken:
            return self
        left_out = self.excluded.get(reason.value, Audience()) | taken
        return Frozen(self.audience - taken, self.excluded | {reason.value: left_out})

    def only(self, members: Audience) -> Frozen:
        parts = {reason: members & some for reason, some in self.excluded.items()}
        return Frozen(self.audience & members, {reason: some for reason, some in parts.items() if some})


def freeze_run(*, run_id: int, clock: Clock) -> None:
    """Freeze a run that waits for it, if no other worker is at it. A freeze that was cut off left nothing and is done again."""
    now = clock()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    held = Run.objects.filter(free, pk=run_id, state=RunState.FREEZING)
    if not held.update(epoch=F("epoch") + 1, lease_until=now + LEASE, started_at=now):
        return
    run = Run.objects.select_related("campaign", "campaign__project").get(pk=run_id)
    try:
        run.campaign = template_use.with_message(run.campaign)  # read once: what is checked here is what is sent
        frozen = _compute(run, clock())
    except (Refusal, ValueError) as refusal:
        _fail(run, str(refusal), clock())
        return
    document = treatments.definition(run.campaign.document, run.treatment)
    plan = occurrences.schedule_of(campaign=run.campaign, document=document, launched_at=run.campaign.launched_at or now)
    with transaction.atomic():
        frozen = _without_elsewhere(run, frozen, document)
        mine = Run.objects.select_for_update().filter(pk=run.pk, epoch=run.epoch, state=RunState.FREEZING).first()
        if mine is None:
            return
        if plan.is_local and not run.is_rest:
            _write_waves(run, frozen, plan, clock())
        else:
            _write(run, frozen, state=RunState.RUNNING)


def _compute(run: Run, now: datetime.datetime) -> Frozen:
    document = treatments.definition(run.campaign.document, run.treatment)
    limits.parse_limits(document)  # what can't be read is said now, and not by a worker
    _check_message(run, document)
    members = evaluation.evaluate_segment(
        project_id=run.project_id, segment_id=document["SegmentId"], version=document.get("SegmentVersion"), now=now
    )
    part = membership.membership(run=run, members=members)
    if run.triggered is not None:
        members = members & run.triggered
        part = membership.Membership(part.members & members, part.held_out & members)
    divided = eligibility.eligibility(project_id=run.project_id, members=members, channels=channels.endpoint_types(document))
    frozen = Frozen(divided.eligible, dict(divided.excluded))
    return frozen.only(part.members).without(part.held_out, ExclusionReason.TREATMENT_HOLDOUT)


def _without_elsewhere(run: Run, frozen: Frozen, document: dict[str, Any]) -> Frozen:
    """An address gets one treatment's message. The campaign is held, so that of two freezes at once the second sees the first."""
    if len(treatments.numbers(document)) == 1:
        return frozen
    lifecycle.hold(campaign_id=run.campaign_id)
    elsewhere = membership.written_to_elsewhere(run=run, audience=frozen.audience, channels=channels.endpoint_types(document))
    return frozen.without(elsewhere, ExclusionReason.DUPLICATE_ENDPOINT)


def _check_message(run: Run, document: dict[str, Any]) -> None:
    """A message that can't be sent fails the run before anybody is sent anything."""
    if channels.is_custom(document):
        target = delivery.target_of(channels.custom_of(document).uri)
        if target is None:
            raise Refusal(_("Say which address or function is to be called."))
        target.check()
        return
    content = message.content_of(content_of(document))
    compile_content(content, allow_unescaped=run.project.allows_raw_values)
    address = content.from_address
    if not messaging_queries.may_send_from(project=run.project, address=address):  # launched in practice, or deleted since
        raise Refusal(_("The sender %(address)s is not verified.") % {"address": address})


def content_of(document: dict[str, Any]) -> dict[str, Any]:
    """What a run sends: the message, as it stands now."""
    said = document["MessageConfiguration"]
    if channels.is_custom(document):
        content = {"Message": said.get("CustomMessage") or {}, "Custom": document["CustomDeliveryConfiguration"]}
    else:
        content = {"Message": said["EmailMessage"]}
    content |= {"Pabal": document.get("Pabal", {})}
    return content | ({"Hook": document["Hook"]} if document.get("Hook") else {})


def _write(run: Run, frozen: Frozen, *, state: str) -> None:
    document = treatments.definition(run.campaign.document, run.treatment)
    limited = limits.parse_limits(document)
    spread = limits.Spread(start=run.due_at, duration=limited.spread, total=len(frozen.audience), largest=SLICE_SIZE)
    Slice.objects.bulk_create(
        (
            Slice(
                run=run, number=number, ids=Audience(ids), size=len(ids), not_before=spread.not_before(number),
                hold_reason=HoldReason.SPREAD if limited.spread else "",
            )
            for number, ids in enumerate(frozen.audience.chunks(spread.slice_size))
        ),
        batch_size=200,
    )  # fmt: skip
    RunExclusion.objects.bulk_create(
        RunExclusion(run=run, reason=reason, members=some, total=len(some)) for reason, some in frozen.excluded.items() if some
    )
    longest = limited.maximum_duration
    ends = [at for at in (run.expires_at, run.due_at + longest if longest else None) if at is not None]
    content = content_of(document)
    Run.objects.filter(pk=run.pk).update(
        state=state,
        audience=frozen.audience,
        frozen=len(frozen.audience),
        targeted=frozen.targeted,
        content=content,
        message_key=message.message_key(content),
        expires_at=min(ends, default=None),
        triggered=None,
        lease_until=None,
    )


def _write_waves(run: Run, frozen: Frozen, plan: schedule.Schedule, now: datetime.datetime) -> None:
    """One run for each zone. The carrier of the occurrence becomes the wave of those who have none, or goes."""
    occurrence = _occurrence(run, plan)
    everyone = Audience.union([frozen.audience, *frozen.excluded.values()])
    by_zone = eligibility.zones(project_id=run.project_id, members=everyone)
    homeless = by_zone.pop("", Audience())
    if homeless and not plan.skips_missing_zone:
        name = run.campaign.project.time_zone
        by_zone[name] = by_zone.get(name, Audience()) | homeless
        homeless = Audience()
    skipped = homeless
    for name in sorted(by_zone):
        due_at = schedule.wave_due_at(plan, occurrence=occurrence, zone=schedule.zone_of(name), now=now)
        if due_at is None:
            skipped = skipped | by_zone[name]
            continue
        wave = Run.objects.create(
            project_id=run.project_id, campaign=run.campaign, treatment=run.treatment, occurrence_at=run.occurrence_at,
            zone_wave=name, state=RunState.PENDING, due_at=due_at, campaign_version=run.campaign_version, created_at=now,
        )  # fmt: skip
        _write(wave, frozen.only(by_zone[name]), state=RunState.PENDING)
    _write(run, _all_excluded(frozen.only(skipped)), state=RunState.RUNNING)


def _all_excluded(frozen: Frozen) -> Frozen:
    excluded = dict(frozen.excluded)
    if frozen.audience:
        excluded[ExclusionReason.ENDPOINT_MISSING_TIMEZONE.value] = frozen.audience
    return Frozen(Audience(), excluded)


def _occurrence(run: Run, plan: schedule.Schedule) -> schedule.Occurrence:
    wall = run.occurrence_at.astimezone(schedule.EARLIEST).replace(tzinfo=None)
    return schedule.Occurrence(number=0, wall=wall, at=run.occurrence_at)


def start_waves(*, now: datetime.datetime) -> list[int]:
    """Waves whose hour has come begin; returns their ids. One that comes too late is cancelled: its members end as EXPIRED."""
    if Installation.objects.filter(sending_paused_at__isnull=False).exists():
        return []
    due = Run.objects.filter(state=RunState.PENDING, due_at__lte=now).exclude(campaign__state=CampaignState.PAUSED)
    started = []
    for wave in due.select_related("campaign", "campaign__project").defer("audience", "content").order_by("due_at", "pk"):
        mine = Run.objects.filter(pk=wave.pk, state=RunState.PENDING)
        plan = occurrences.schedule_of(
            campaign=wave.campaign, document=wave.campaign.document, launched_at=wave.campaign.launched_at or now
        )
        if schedule.is_too_late(plan, due_at=wave.due_at, zone=schedule.zone_of(wave.zone_wave), now=now):
            mine.update(state=RunState.CANCELLED)
        elif mine.update(state=RunState.RUNNING, started_at=now):
            started.append(wave.pk)
    return started


def _fail(run: Run, reason: str, now: datetime.datetime) -> None:
    _log.error("run %s of campaign %s failed: %s", run.public_id, run.campaign.public_id, reason)
    with transaction.atomic():
        lifecycle.hold(campaign_id=run.campaign_id)
        mine = Run.objects.filter(pk=run.pk, epoch=run.epoch, state=RunState.FREEZING)
        if mine.update(
            state=RunState.FAILED,
            failure={"code": "freeze", "params": {"reason": reason}},
            completed_at=now,
            lease_until=None,
            triggered=None,
        ):
            lifecycle.move(campaign_id=run.campaign_id, to=CampaignState.INVALID, updated_at=now)
