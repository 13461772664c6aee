"""Reads of access keys for pages."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from api.models import AccessKey
from projects.access import Access
from projects.models import Project


@dataclass(frozen=True, slots=True)
class KeyLine:
    key: AccessKey
    can_revoke: bool


def keys_of(*, project: Project) -> QuerySet[AccessKey]:
    """Newest first, revoked ones too."""
    return AccessKey.objects.filter(project=project).select_related("created_by").order_by("-pk")


def may_revoke(*, access: Access, key: AccessKey) -> bool:
    """Owners all of them, others their own."""
    return access.can_administer or (access.can_edit and key.created_by_id == access.user.pk)


def key_lines(*, access: Access) -> tuple[list[KeyLine], list[AccessKey]]:
    """Those that hold, and those that were revoked."""
    found = list(keys_of(project=access.project))
    held = [KeyLine(key, may_revoke(access=access, key=key)) for key in found if not key.is_revoked]
    return held, [key for key in found if key.is_revoked]
