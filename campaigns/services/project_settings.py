"""A project's Settings resource, as Pinpoint's UpdateApplicationSettings changes it: member by member (reference, section 6.3)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from campaigns.limits.document import parse_quiet, parse_rules, settings_document
from projects.models import Project, User
from projects.services import settings as sending_settings

_COUNTED = {
    "Limits": ("Daily", "Total", "MaximumDuration", "MessagesPerSecond", "Session"),
    "JourneyLimits": ("DailyCap", "TotalCap"),
}


def update_settings(*, project: Project, actor: User | None, given: Mapping[str, Any], now: datetime.datetime) -> dict[str, Any]:
    """Replace the members that are given and keep the others; the document as it is stored then. An empty member is taken away.

    Pinpoint writes 0 for "no limit"; it is stored as no limit. Raises ``LimitsRefused``.
    """
    with transaction.atomic():
        held = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        document = settings_document(held) | {name: _without_zeros(name, value) for name, value in given.items()}
        document = {name: value for name, value in document.items() if value not in ({}, None)}
        parse_rules(document, zone=held.time_zone)
        parse_quiet(document.get("QuietTime"))
        sending_settings.save_sending_settings(project=held, actor=actor, document=document, now=now)
    return document


def _without_zeros(name: str, value: Any) -> Any:
    counted = _COUNTED.get(name)
    if counted is None or not isinstance(value, Mapping):
        return value
    return {member: one for member, one in value.items() if not (member in counted and one == 0)}
