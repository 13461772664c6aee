"""The base segments of a definition: found in the project, never in a circle, at most five deep."""

from __future__ import annotations

from django.utils.translation import gettext as _

from segments.evaluation.parse import parse_document
from segments.evaluation.refusals import SourceRefused
from segments.evaluation.tree import Definition, SourceSegment
from segments.models import SegmentType, SegmentVersion

MAX_DEPTH = 5  # segments below one another, as in Pinpoint


def find(*, project_id: int, source: SourceSegment, trail: tuple[str, ...]) -> SegmentVersion:
    """The version that a source names. ``trail`` holds the ids of the segments above it. Raises ``SourceRefused``."""
    if source.segment_id in trail:
        raise SourceRefused(_("A base segment leads back to the segment itself. Choose another base segment."))
    if len(trail) > MAX_DEPTH:
        raise SourceRefused(_("Base segments stand more than five deep. Choose a base segment that has fewer below it."))
    versions = SegmentVersion.objects.select_related("segment").filter(
        segment__project_id=project_id, segment__public_id=source.segment_id, segment__deleted_at=None
    )
    if source.version is not None:
        versions = versions.filter(version=source.version)
    version = versions.order_by("-version").first()
    if version is None:
        raise SourceRefused(_("A base segment no longer exists in this project. Choose another base segment."))
    return version


def check(*, project_id: int, definition: Definition, segment_id: str | None = None) -> None:
    """Walk all base segments of a definition that is about to become segment ``segment_id``. Raises ``SourceRefused``."""
    _walk(project_id, definition, (segment_id or "",))


def _walk(project_id: int, definition: Definition, trail: tuple[str, ...]) -> None:
    for source in {source for group in definition.groups for source in group.sources}:
        version = find(project_id=project_id, source=source, trail=trail)
        if version.segment.segment_type != SegmentType.IMPORT:
            _walk(project_id, parse_document(version.document), (*trail, source.segment_id))
