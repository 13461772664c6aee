"""Message templates that come from elsewhere with their versions: Pinpoint's, saved as its API answered them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from messaging.message_templates.documents import prepared
from messaging.models import MessageTemplate, MessageTemplateVersion
from messaging.services import templates
from projects.models import User


@dataclass(frozen=True, slots=True)
class MovedVersion:
    """``document`` has the shape of the type's request (EmailTemplateRequest …)."""

    version: int
    document: Mapping[str, Any]
    created_at: datetime.datetime
    updated_at: datetime.datetime


def take_template(
    *,
    actor: User | None,
    template_type: str,
    name: str,
    versions: Sequence[MovedVersion],
    active: int,
    tags: Mapping[str, str],
    now: datetime.datetime,
) -> MessageTemplate:
    """A template of the installation with these versions, in their order; numbers may be missing, ``active`` is one of them.

    Raises ``TemplateRefused`` and ``TemplateError``, for the first version that can't be sent here; nothing is made then.
    """
    first, *others = versions
    documents = {one.version: prepared(template_type, one.document) for one in versions}
    with transaction.atomic():
        made = templates.create_template(
            project=None, actor=actor, template_type=template_type, name=name, document=first.document, tags=tags, now=now
        )
        MessageTemplateVersion.objects.filter(template=made).update(
            version=first.version, created_at=first.created_at, updated_at=first.updated_at
        )
        MessageTemplateVersion.objects.bulk_create(
            MessageTemplateVersion(
                template=made, version=one.version, document=documents[one.version], created_by=actor, created_at=one.created_at,
                updated_at=one.updated_at,
            )
            for one in others
        )  # fmt: skip
        made.active_version, made.last_version = active, versions[-1].version
        made.created_at, made.updated_at = first.created_at, versions[-1].updated_at
        made.save(update_fields=["active_version", "last_version", "created_at", "updated_at"])
    return made
