"""Segments: created, changed (each time a version), deleted."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from core.audience import Audience
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit
from segments import evaluation, ports
from segments.models import Segment, SegmentType, SegmentVersion


class SegmentRefused(Refusal):
    """The segment was not saved or deleted."""


def create_segment(
    *, project: Project, actor: User | None, name: str, document: dict[str, Any], now: datetime.datetime, is_listed: bool = True
) -> Segment:
    """Make a dynamic segment from Pinpoint's document; raises ``evaluation.DocumentRefused``."""
    evaluation.parse_document(project_id=project.pk, document=document)
    with transaction.atomic():
        segment = Segment.objects.create(
            project=project, name=name, segment_type=SegmentType.DIMENSIONAL, is_listed=is_listed, created_by=actor,
            created_at=now, updated_at=now,
        )  # fmt: skip
        SegmentVersion.objects.create(segment=segment, version=1, document=document, created_by=actor, created_at=now)
        audit.record(project=project, actor=actor, verb="segment.created", target=segment, now=now, name=name)
    return segment


def update_segment(
    *, segment: Segment, actor: User | None, name: str, document: dict[str, Any], now: datetime.datetime
) -> Segment:
    """Save a new version of a dynamic segment."""
    if segment.segment_type != SegmentType.DIMENSIONAL:
        raise SegmentRefused(_("An imported segment can't be edited. Make a dynamic segment on top of it."))
    evaluation.parse_document(project_id=segment.project_id, document=document, own_id=segment.public_id)
    with transaction.atomic():
        Segment.objects.filter(pk=segment.pk).update(name=name, version=F("version") + 1, updated_at=now)
        segment.refresh_from_db()
        SegmentVersion.objects.create(
            segment=segment, version=segment.version, document=document, created_by=actor, created_at=now
        )
        audit.record(
            project=segment.project, actor=actor, verb="segment.updated", target=segment, now=now, version=segment.version
        )
    return segment


def create_import_segment(
    *,
    project: Project,
    actor: User | None,
    name: str,
    members: Audience,
    import_definition: dict[str, Any],
    now: datetime.datetime,
) -> Segment:
    """Make an imported segment of these members."""
    with transaction.atomic():
        segment = Segment.objects.create(
            project=project, name=name, segment_type=SegmentType.IMPORT, created_by=actor, created_at=now, updated_at=now
        )
        SegmentVersion.objects.create(
            segment=segment, version=1, members=members, import_definition=import_definition, created_by=actor, created_at=now
        )
        audit.record(project=project, actor=actor, verb="segment.imported", target=segment, now=now, size=len(members))
    return segment


def copy_segment(*, segment: Segment, actor: User, now: datetime.datetime) -> Segment:
    """A copy with the newest definition."""
    newest = SegmentVersion.objects.get(segment=segment, version=segment.version)
    name = _("Copy of %(name)s") % {"name": segment.name}
    if segment.segment_type == SegmentType.IMPORT:
        return create_import_segment(
            project=segment.project, actor=actor, name=name[:128], members=newest.members or Audience(),
            import_definition=newest.import_definition or {}, now=now,
        )  # fmt: skip
    return create_segment(project=segment.project, actor=actor, name=name[:128], document=newest.document, now=now)


def delete_segment(*, segment: Segment, actor: User, now: datetime.datetime) -> None:
    """Delete a segment that nothing uses; raises ``SegmentRefused`` naming what does."""
    users = used_by(segment=segment)
    if users:
        raise SegmentRefused(_("This segment is used by: %(users)s. Change or delete that first.") % {"users": ", ".join(users)})
    with transaction.atomic():
        Segment.objects.filter(pk=segment.pk, deleted_at=None).update(deleted_at=now)
        audit.record(project=segment.project, actor=actor, verb="segment.deleted", target=segment, now=now, name=segment.name)


def used_by(*, segment: Segment) -> list[str]:
    """The names of the segments and campaigns that are built on this one."""
    newest = SegmentVersion.objects.filter(
        segment__project_id=segment.project_id, segment__deleted_at=None, version=F("segment__version"),
        document__SegmentGroups__Groups__contains=[{"SourceSegments": [{"Id": segment.public_id}]}],
    ).values_list("segment__name", flat=True)  # fmt: skip
    found = list(newest)
    for names in ports.segment_users.call(segment.project_id, segment.public_id):
        found += names
    return found
