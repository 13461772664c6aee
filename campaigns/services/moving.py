"""Campaigns that come from elsewhere with their ids, versions and numbers: Pinpoint's, saved as its API answered them.

None of them is launched, whatever it did there: what is over stays over, and all else is a draft that somebody reads and launches. Here
no treatment gets a time and no event a listener, so there is nothing that a tick could claim.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from campaigns.models import Campaign, CampaignPast, CampaignState, CampaignVersion
from campaigns.services import definitions, occurrences
from projects.models import Project, User
from projects.services import audit

# States of Pinpoint in which nothing more was to come, and what they are here.
OVER = {
    "COMPLETED": CampaignState.COMPLETED,
    "INVALID": CampaignState.INVALID,
    "DELETED": CampaignState.DELETED,
}


@dataclass(frozen=True, slots=True)
class MovedVersion:
    """``document`` has the shape of WriteCampaignRequest."""

    version: int
    name: str
    document: Mapping[str, Any]
    created_at: datetime.datetime


def take_campaign(
    *,
    project: Project,
    actor: User | None,
    public_id: str,
    state: str,
    versions: Sequence[MovedVersion],
    created_at: datetime.datetime,
    launched_at: datetime.datetime,
    default_sender: str,
    now: datetime.datetime,
) -> Campaign:
    """A campaign with these versions, in their order; ``state`` is Pinpoint's.

    Raises ``CampaignRefused`` for a draft that no campaign of this version could send, ``ScheduleRefused`` for a schedule that can't
    be read.
    """
    newest = versions[-1]
    becomes = OVER.get(state, CampaignState.DRAFT)
    read = definitions.stored_document if becomes == CampaignState.DRAFT else _as_it_was
    document = read({}, newest.document, default_sender)
    with transaction.atomic():
        made = Campaign.objects.create(
            public_id=public_id, project=project, name=newest.name, state=becomes, document=document, version=newest.version,
            created_by=actor, created_at=created_at, updated_at=newest.created_at,
            launched_at=None if becomes == CampaignState.DRAFT else launched_at,
        )  # fmt: skip
        occurrences.schedule_of(campaign=made, document=document, launched_at=launched_at)
        CampaignVersion.objects.bulk_create(
            CampaignVersion(
                campaign=made, version=one.version, name=one.name, created_by=actor, created_at=one.created_at,
                document=document if one is newest else _as_it_was({}, one.document, ""),
            )
            for one in versions
        )  # fmt: skip
        CampaignPast.objects.create(campaign=made, state=state, taken_at=now)
        audit.record(project=project, actor=actor, verb="campaign.created", target=made, now=now, name=made.name)
    return made


def keep_past(
    *, campaign: Campaign, figures: Collection[Mapping[str, Any]], runs: Collection[Mapping[str, Any]]
) -> bool:  # fmt: skip
    """Keep more of what is known of a campaign's past; whether there was anything new.

    ``figures``: CampaignDateRangeKpiResponse, told apart by name and period; ``runs``: ActivityResponse, told apart by id.
    """
    with transaction.atomic():
        held = CampaignPast.objects.select_for_update().get(campaign=campaign)
        before = (held.figures, held.runs)
        held.figures = _united(held.figures, figures, ("KpiName", "StartTime", "EndTime"))
        held.runs = _united(held.runs, runs, ("Id",))
        if (held.figures, held.runs) == before:
            return False
        held.save(update_fields=["figures", "runs"])
    return True


def _united(
    held: Sequence[Mapping[str, Any]], given: Collection[Mapping[str, Any]], members: tuple[str, ...]
) -> list[Mapping[str, Any]]:
    found = {tuple(str(one.get(member)) for member in members): one for one in (*held, *given)}
    return [found[key] for key in sorted(found)]


def _as_it_was(_stored: Mapping[str, Any], request: Mapping[str, Any], _sender: str) -> dict[str, Any]:
    """What is only read: no rule of what can be sent holds for it."""
    document = {name: value for name, value in request.items() if name not in ("Name", "IsPaused", "Description") and value}
    return document | ({"Pabal": {"Description": request["Description"]}} if request.get("Description") else {})
