"""Saving one step of a draft. A step that somebody else changed meanwhile is not saved over unless that is asked for."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import parts, queries, treatments
from campaigns.models import Campaign
from campaigns.services import changes, requests
from campaigns.services.drafts import CampaignRefused, keep_version
from projects.models import User
from segments import queries as segment_queries
from segments.services import segments


class StepChanged(CampaignRefused):
    """The step was changed since the version that the form was made from. ``version``: the newest, to save over knowingly."""

    def __init__(self, message: object, version: int) -> None:
        super().__init__(message)
        self.version = version


def save_step(
    *,
    campaign: Campaign,
    actor: User | None,
    step: str,
    part: parts.Part,
    now: datetime.datetime,
    base_version: int | None,
    treatment: int = 0,
) -> Campaign:
    """Save what a step says (of one treatment); the other steps stay as they are stored, whoever saved them.

    ``base_version``: the version that the change was made from (None: save over whatever is there). Raises ``StepChanged`` when
    the step says something else since then, and ``CampaignRefused`` once the campaign is launched. Two at once: one waits for the
    other, and is refused.
    """
    with transaction.atomic():
        held = _held(campaign)
        if treatment not in treatments.numbers(held.document):
            raise CampaignRefused(_("This treatment was removed after this page was loaded."))
        name = held.name if part.name is None else part.name
        wanted = parts.part(step=step, name=name, document=part.applied(held.document, treatment))
        if wanted != parts.part(step=step, name=held.name, document=held.document):
            _check_unchanged(held, step, base_version, actor)
        return _written(held, part, actor, now, treatment)


def save_segment_step(
    *,
    campaign: Campaign,
    actor: User | None,
    chosen: list[str],
    definition: dict[str, Any] | None,
    holdout: int,
    now: datetime.datetime,
    base_version: int | None,
) -> Campaign:
    """Save whom it goes to: the segments of these ids (several become one unlisted segment), or a definition made in the wizard.

    Raises as ``save_step`` does, and ``DefinitionRefused``; nothing is saved then, of the segment neither.
    """
    with transaction.atomic():  # the campaign first: that is the order of locks
        held = _held(campaign)
        _check_unchanged(held, "segment", base_version, actor)
        pabal: dict[str, Any] = {"SegmentIds": chosen, "FilterVersion": None}
        if definition is None and len(chosen) == 1:
            segment_id = chosen[0]
        elif definition is None:
            made = segments.create_segment(
                project=held.project, actor=actor, name=held.name, document=any_of(chosen), now=now, is_listed=False
            )
            segment_id = made.public_id
        else:
            segment_id, version = _filtered(held, actor, definition, now)
            pabal = {"SegmentIds": [], "FilterVersion": version}
        members = {"SegmentId": segment_id, "SegmentVersion": None, "HoldoutPercent": holdout}
        return _written(held, parts.Part(members=members, pabal=pabal), actor, now)


def any_of(segment_ids: list[str]) -> dict[str, Any]:
    """The definition of the members of any of these segments."""
    group = {"SourceSegments": [{"Id": one} for one in segment_ids], "SourceType": "ANY", "Type": "ALL", "Dimensions": []}
    return {"SegmentGroups": {"Include": "ALL", "Groups": [group]}}


def _filtered(campaign: Campaign, actor: User | None, definition: dict[str, Any], now: datetime.datetime) -> tuple[str, int]:
    """The unlisted segment that holds a definition made in the wizard, and its version: the same definition makes no new one.

    One that another campaign goes to as well stays as it is: this campaign gets a segment of its own.
    """
    own = queries.own_segment(campaign=campaign)
    if own is None or queries.is_shared(campaign=campaign, segment=own):
        own = segments.create_segment(
            project=campaign.project, actor=actor, name=campaign.name, document=definition, now=now, is_listed=False
        )
    elif segment_queries.segment_version(segment=own).document != definition:
        own = segments.update_segment(segment=own, actor=actor, document=definition, name=own.name, now=now)
    return own.public_id, own.version


def _held(campaign: Campaign) -> Campaign:
    """The draft (one that waits for approval, too) as it is stored, kept from being changed or launched until the transaction ends."""
    held = Campaign.objects.select_for_update(of=("self",)).select_related("project").get(pk=campaign.pk)
    if not held.is_editable:
        raise CampaignRefused(_("This campaign was launched and can't be changed any more. Duplicate it instead."))
    return held


def _written(held: Campaign, part: parts.Part, actor: User | None, now: datetime.datetime, treatment: int = 0) -> Campaign:
    document, name = part.applied(held.document, treatment), held.name if part.name is None else part.name
    if held.is_pending_approval and (document, name) == (held.document, held.name):
        return held  # looked at and not changed: the request stays
    requests.withdraw_open(held=held, actor=actor, now=now, why="changed")
    held.document, held.name = document, name
    held.version += 1
    held.updated_at = now
    held.save(update_fields=["document", "name", "version", "updated_at"])
    keep_version(campaign=held, actor=actor, now=now)
    return held


def _check_unchanged(held: Campaign, step: str, base_version: int | None, actor: User | None) -> None:
    if base_version is None:
        return
    for change in changes.changed_steps(held=held, base_version=base_version, among=[step]):
        raise StepChanged(change.sentence(actor=actor), held.version)
