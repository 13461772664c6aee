"""Segments that come from elsewhere with their ids and versions: Pinpoint's, saved as its API answered them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core.audience import Audience
from projects.models import Project, User
from projects.services import audit
from segments.evaluation import parse_document, sources
from segments.models import Segment, SegmentType, SegmentVersion
from segments.services import requests
from segments.services.requests import RequestRefused


@dataclass(frozen=True, slots=True)
class MovedVersion:
    """A version as it was: ``document`` has the shape of WriteSegmentRequest, and of an imported segment only tags."""

    version: int
    document: dict[str, Any]
    created_at: datetime.datetime


def take_dynamic(
    *,
    project: Project,
    actor: User | None,
    public_id: str,
    name: str,
    versions: Sequence[MovedVersion],
    created_at: datetime.datetime,
    now: datetime.datetime,
) -> Segment:
    """A dynamic segment with the versions that are given, in their order; numbers may be missing.

    The newest one must be able to be evaluated here; of older ones only that they can be read. Raises ``RequestRefused``,
    ``SegmentExtended``, ``DefinitionRefused``.
    """
    documents = [requests.stored_document(one.document) for one in versions]
    sources.check(project_id=project.pk, definition=parse_document(documents[-1]), segment_id=public_id)
    with transaction.atomic():
        segment = _made(project, actor, public_id, name, SegmentType.DIMENSIONAL, versions, created_at)
        for one, document in zip(versions, documents, strict=True):
            SegmentVersion.objects.create(
                segment=segment, version=one.version, document=document, created_by=actor, created_at=one.created_at
            )
        audit.record(project=project, actor=actor, verb="segment.created", target=segment, now=now, name=name)
    return segment


def take_imported(
    *,
    project: Project,
    actor: User | None,
    public_id: str,
    name: str,
    version: MovedVersion,
    members: Audience,
    import_definition: dict[str, Any],
    created_at: datetime.datetime,
    now: datetime.datetime,
) -> Segment:
    """An imported segment with these members. Raises ``RequestRefused``."""
    _check_name(name)
    with transaction.atomic():
        segment = _made(project, actor, public_id, name, SegmentType.IMPORT, [version], created_at)
        SegmentVersion.objects.create(
            segment=segment, version=version.version, document=version.document, members=members,
            import_definition=import_definition | {"Size": len(members)}, created_by=actor, created_at=version.created_at,
        )  # fmt: skip
        audit.record(project=project, actor=actor, verb="segment.imported", target=segment, now=now, size=len(members))
    return segment


def _made(
    project: Project,
    actor: User | None,
    public_id: str,
    name: str,
    kind: SegmentType,
    versions: Sequence[MovedVersion],
    created_at: datetime.datetime,
) -> Segment:
    newest = versions[-1]
    return Segment.objects.create(
        public_id=public_id, project=project, name=name, segment_type=kind, version=newest.version, created_by=actor,
        created_at=created_at, updated_at=newest.created_at,
    )  # fmt: skip


def _check_name(name: str) -> None:
    if not name or len(name) > requests.NAME_LENGTH:
        raise RequestRefused(_("A segment's name has at most %(limit)s characters.") % {"limit": requests.NAME_LENGTH})
