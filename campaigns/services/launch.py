"""Launching, pausing, resuming, deleting: what a campaign's state table allows."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import lifecycle, queries, review, schedule, template_use, treatments
from campaigns.models import (
    ApprovalRequest,
    Campaign,
    CampaignState,
    CampaignVersion,
    Run,
    RunState,
    Treatment,
    WinnerTest,
)
from campaigns.services import changes, events, occurrences, requests
from campaigns.services.drafts import CampaignRefused
from projects.models import User
from projects.services import audit
from segments.models import Segment
from segments.services import segments


class CampaignIncomplete(CampaignRefused):
    """Something is missing or wrong; ``findings`` says what."""

    def __init__(self, findings: list[review.Finding]) -> None:
        super().__init__(" ".join(str(finding.message) for finding in findings))
        self.findings = findings


class ApprovalNeeded(CampaignRefused):
    """The project wants somebody else to launch it (``approvals``)."""


class CampaignChanged(CampaignRefused):
    """The draft was changed since it was reviewed: one sentence for each step says who and when."""


def launch_campaign(
    *,
    campaign: Campaign,
    actor: User | None,
    now: datetime.datetime,
    base_version: int | None = None,
    segment_version: int | None = None,
    base_message: str = "",
) -> None:
    """Launch a draft: its definition is frozen, its segment's version pinned, its first occurrence due.

    ``base_version`` and ``segment_version`` are those of the campaign and of its segment that were reviewed (None: launch what is
    stored), ``base_message`` the ``template_use.fingerprint`` of what its templates said. Raises ``ApprovalNeeded``, ``CampaignChanged`` or
    ``SegmentChanged`` when any of them says something else by now, and ``CampaignIncomplete`` with every finding that forbids the
    launch; nothing is written then. Whoever saves a step at that moment waits, and is refused.
    """
    with transaction.atomic():  # the campaign first: that is the order of locks
        held = Campaign.objects.select_for_update(of=("self",)).select_related("project").get(pk=campaign.pk)
        if not held.is_editable:
            raise CampaignRefused(_("This campaign was launched already."))
        if held.project.needs_approval:
            raise ApprovalNeeded(_("In this project somebody else launches a campaign. Ask for approval."))
        # Of a project that has stopped asking for approval meanwhile.
        requests.close_open(held=held, to=ApprovalRequest.State.WITHDRAWN, actor=actor, now=now)
        launch_held(
            held=held, actor=actor, now=now, base_version=base_version, segment_version=segment_version, base_message=base_message
        )
    campaign.refresh_from_db()


def launch_held(
    *,
    held: Campaign,
    actor: User | None,
    now: datetime.datetime,
    base_version: int | None,
    segment_version: int | None,
    base_message: str,
    pins_templates: bool = False,
) -> None:
    """Launch what ``held`` says, which the caller has locked. ``pins_templates``: it sends what its templates say now, always."""
    due = check_launchable(held=held, actor=actor, now=now, base_version=base_version)
    document = _pinned(held, segment_version, actor)
    if base_message and base_message != template_use.fingerprint(campaign=held):
        raise CampaignChanged(_("The template says something else since this page was loaded."))
    if pins_templates:
        document = template_use.pinned(project=held.project, document=document)
    lifecycle.move(campaign_id=held.pk, to=CampaignState.SCHEDULED, launched_at=now, updated_at=now)
    Campaign.objects.filter(pk=held.pk).update(document=document)
    CampaignVersion.objects.filter(campaign=held, version=held.version).update(document=document)
    for number, occurrence in enumerate(due):
        Treatment.objects.update_or_create(
            campaign=held, number=number, defaults={"next_run_at": occurrence.at, "next_occurrence_at": occurrence.at}
        )
    events.listen(held=held, plan=occurrences.schedule_of(campaign=held, document=document, launched_at=now))
    audit.record(project=held.project, actor=actor, verb="campaign.launched", target=held, now=now)
    if any(occurrence.at <= now for occurrence in due):
        transaction.on_commit(_dispatch_tick)


def check_launchable(
    *, held: Campaign, actor: User | None, now: datetime.datetime, base_version: int | None
) -> list[schedule.Occurrence]:
    """When each treatment is sent first. Raises ``CampaignChanged``, and ``CampaignIncomplete`` with every finding that forbids it."""
    if base_version is not None:
        _check_as_reviewed(held, base_version, actor)
    _check_complete(held, now)
    return _first_of_each(held, now)


def _check_as_reviewed(held: Campaign, base_version: int, actor: User | None) -> None:
    found = changes.changed_steps(held=held, base_version=base_version)
    if found:
        raise CampaignChanged(" ".join(change.sentence(actor=actor) for change in found))


def _check_complete(held: Campaign, now: datetime.datetime) -> None:
    errors = [finding for finding in review.findings(campaign=held, now=now) if finding.is_error]
    if errors:
        raise CampaignIncomplete(errors)


def _first_of_each(held: Campaign, now: datetime.datetime) -> list[schedule.Occurrence]:
    """When each treatment is sent first."""
    found = []
    for number in treatments.numbers(held.document):
        document = treatments.definition(held.document, number)
        plan = occurrences.schedule_of(campaign=held, document=document, launched_at=now)
        first = schedule.first_due(plan, now=now)
        if first is None:
            raise CampaignRefused(_("This schedule has no run in the future."))
        found.append(first)
    return found


def _pinned(held: Campaign, segment_version: int | None, actor: User | None) -> dict[str, Any]:
    """The definition with the segment's version; Pinpoint's default is the newest at the time of writing.

    The segment can't be changed or deleted before the transaction ends.
    """
    document = dict(held.document)
    pinned = document.get("SegmentVersion")
    base = None if pinned else segment_version  # one that is pinned already stays what it is
    try:
        segment = segments.hold_segment(project=held.project, segment_id=document["SegmentId"], base_version=base, actor=actor)
    except Segment.DoesNotExist:  # deleted since the review
        raise CampaignRefused(_("The segment was deleted. Choose another one.")) from None
    document["SegmentVersion"] = pinned or segment.version
    template_use.hold(project=held.project, document=document)
    return document


def _dispatch_tick() -> None:
    from campaigns.tasks import tick_due

    tick_due.delay()


def dispatch_runs() -> None:
    """Nudge the tick that puts runs out, once a transaction is through."""
    from campaigns.tasks import tick_runs

    tick_runs.delay()


def pause_campaign(*, campaign: Campaign, actor: User, now: datetime.datetime) -> None:
    """Hold the next runs, and what is going out as well: a worker stops before its next small batch."""
    with transaction.atomic():
        lifecycle.move(campaign_id=campaign.pk, to=CampaignState.PAUSED, updated_at=now)
        audit.record(project=campaign.project, actor=actor, verb="campaign.paused", target=campaign, now=now)
    campaign.refresh_from_db()


def resume_campaign(*, campaign: Campaign, actor: User, now: datetime.datetime) -> None:
    """Go on: what was being sent is finished; occurrences that passed meanwhile are skipped.

    In local time one that is still to come in the west is not past.
    """
    with transaction.atomic():
        held = lifecycle.hold(campaign_id=campaign.pk)
        if not held.is_paused:
            raise CampaignRefused(_("Only a paused campaign can be resumed."))
        if held.is_restored:
            raise CampaignRefused(_("Choose first what becomes of those who may have got it before the backup was restored."))
        if queries.is_by_events(held.document):
            events.check_room(held=held)
        due = {number: _next_of(held, number, now) for number in treatments.numbers(held.document)}
        set_going(held=held, is_due=any(due.values()), now=now)
        for number, at in due.items():
            Treatment.objects.filter(campaign=held, number=number).update(next_run_at=at, next_occurrence_at=at)
        audit.record(project=held.project, actor=actor, verb="campaign.resumed", target=held, now=now)
        transaction.on_commit(dispatch_runs)
    campaign.refresh_from_db()


def _next_of(held: Campaign, number: int, now: datetime.datetime) -> datetime.datetime | None:
    document = treatments.definition(held.document, number)
    plan = occurrences.schedule_of(campaign=held, document=document, launched_at=held.launched_at or now)
    runs = held.runs.filter(treatment=number, occurrence_at__gte=now - schedule.DAY_ON_EARTH)
    due = schedule.first_due(plan, now=now, done=set(runs.values_list("occurrence_at", flat=True)))
    return due.at if due else None


def set_going(*, held: Campaign, is_due: bool, now: datetime.datetime, **changes: object) -> None:
    """Take a paused campaign on; a mail server that failed is tried at once. The caller has locked it."""
    lifecycle.move(campaign_id=held.pk, to=_resumed_to(held, is_due=is_due), updated_at=now, pause_reason=None, **changes)
    failing = held.runs.filter(server_failures__gt=0)
    failing.update(server_failures=0, server_failing_since=None, server_said="", not_before=None)


def _resumed_to(held: Campaign, *, is_due: bool) -> CampaignState:
    if held.runs.filter(state__in=[RunState.PENDING, RunState.FREEZING, RunState.RUNNING]).exists():
        return CampaignState.EXECUTING
    if not is_due and not held.winner_tests.filter(state=WinnerTest.State.WAITING).exists():
        return CampaignState.COMPLETED
    return CampaignState.PENDING_NEXT_RUN if held.runs.exists() else CampaignState.SCHEDULED


def delete_campaign(*, campaign: Campaign, actor: User | None, now: datetime.datetime, **why: str) -> None:
    """Delete: nothing more is sent. Whoever of an open run was not attempted ends as EXPIRED; the numbers stay.

    ``why`` goes into the audit trail.
    """
    with transaction.atomic():
        lifecycle.move(campaign_id=campaign.pk, to=CampaignState.DELETED, updated_at=now)
        requests.close_open(held=campaign, to=ApprovalRequest.State.WITHDRAWN, actor=actor, now=now)
        Treatment.objects.filter(campaign=campaign).update(next_run_at=None, next_occurrence_at=None)
        Run.objects.filter(campaign=campaign, state__in=[RunState.PENDING, RunState.FREEZING, RunState.RUNNING]).update(
            state=RunState.CANCELLED
        )
        audit.record(project=campaign.project, actor=actor, verb="campaign.deleted", target=campaign, now=now, **why)
        transaction.on_commit(dispatch_runs)
