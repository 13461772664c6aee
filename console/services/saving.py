"""Saving queries under a name, and deleting them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from console.models import SavedQuery
from projects.models import Project, User
from projects.services import audit


def save_query(
    *,
    project: Project,
    actor: User,
    name: str,
    sql: str,
    parameters: Mapping[str, str],
    chart: Mapping[str, Any],
    now: datetime.datetime,
) -> SavedQuery:
    """A new query, or the one of this name with other SQL. ``chart``: what is drawn of its answer."""
    with transaction.atomic():
        values = {"sql": sql, "parameters": dict(parameters), "chart": dict(chart), "saved_by": actor, "saved_at": now}
        query, _made = SavedQuery.objects.update_or_create(project=project, name=name, defaults=values)
        audit.record(project=project, actor=actor, verb="query.saved", target=query, now=now, name=name)
    return query


def delete_query(*, query: SavedQuery, actor: User, now: datetime.datetime) -> None:
    with transaction.atomic():
        audit.record(project=query.project, actor=actor, verb="query.deleted", target=query, now=now, name=query.name)
        query.delete()
