"""Channels of a project, as the API sets them: saved, deleted. Secrets are sealed at once and never shown."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from core import secretbox
from messaging.models import ProjectChannel
from projects.models import Project, User
from projects.services import audit


def save_channel(
    *,
    project: Project,
    actor: User | None,
    kind: str,
    document: Mapping[str, Any],
    secrets: Mapping[str, str],
    now: datetime.datetime,
    is_enabled: bool | None = None,
) -> ProjectChannel:
    """Make the channel or change what is given of it; ``is_enabled`` None: as it is, a new one is. Two at once: one after the other."""
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        held = ProjectChannel.objects.filter(project=project, kind=kind).first()
        made = held or ProjectChannel(project=project, kind=kind, created_at=now, version=0)
        made.document = made.document | dict(document)
        if secrets:
            made.sealed_secrets = secretbox.seal(json.dumps(dict(secrets)))
        made.is_enabled = made.is_enabled if is_enabled is None else is_enabled
        made.version += 1
        made.updated_at, made.updated_by = now, actor
        made.save()
        audit.record(project=project, actor=actor, verb="channel.saved", target=made, now=now, name=kind)
    return made


def delete_channel(*, channel: ProjectChannel, actor: User | None, now: datetime.datetime) -> None:
    with transaction.atomic():
        audit.record(project=channel.project, actor=actor, verb="channel.deleted", target=channel, now=now, name=channel.kind)
        channel.delete()
