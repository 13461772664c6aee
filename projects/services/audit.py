"""Writing the audit trail, in the transaction of the deed."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import models

from projects.models import AuditEntry, Project, User


def record(
    *, project: Project | None, actor: User | None, verb: str, target: models.Model, now: datetime.datetime, **data: Any
) -> None:
    """Add an entry: ``verb`` is "noun.past_participle"; ``data`` must be JSON."""
    AuditEntry.objects.create(
        project=project,
        actor=actor,
        verb=verb,
        object_type=target._meta.label_lower,
        object_id=str(getattr(target, "public_id", target.pk)),
        data=data,
        at=now,
    )
