"""Reads of segments for pages, the campaign wizard and the API."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast

from core.audience import Audience
from endpoints.eligibility import eligibility
from endpoints.models import Endpoint
from projects.models import Project
from segments import pinpoint
from segments.evaluation import evaluate_document, evaluate_segment, parse_document
from segments.evaluation.moment import Moment
from segments.evaluation.sql import Query, definition_query
from segments.models import Segment, SegmentVersion
from segments.pinpoint import PinpointDefinition


@dataclass(frozen=True, slots=True)
class Counts:
    """Endpoints: ``matching`` the definition, and ``eligible`` for a message on the channel now."""

    matching: int
    eligible: int


def listed_segments(*, project: Project, before: str = "") -> QuerySet[Segment]:
    """The project's segments that pages list, newest change first; ``before`` (a public id): those that come after it."""
    found = Segment.objects.filter(project=project, deleted_at=None, is_listed=True).order_by("-updated_at", "-id")
    last = Segment.objects.filter(project=project, public_id=before).first() if before else None
    if last is not None:
        found = found.filter(Q(updated_at__lt=last.updated_at) | Q(updated_at=last.updated_at, pk__lt=last.pk))
    return found


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """A version of a segment as lists tell it, without its members. ``document`` is the text that the database gives."""

    pk: int
    public_id: str
    name: str
    segment_type: str
    created_at: datetime.datetime
    version: int
    written_at: datetime.datetime
    document: str
    import_definition: dict[str, Any] | None


def segment_lines(*, project: Project, after: int | None, limit: int) -> list[SegmentLine]:
    """The newest versions of the listed segments, in the order in which they were made, ``after`` a row's id. One query."""
    found = SegmentVersion.objects.filter(
        version=F("segment__version"), segment__project=project, segment__deleted_at=None, segment__is_listed=True,
        segment__gt=after or 0,
    )  # fmt: skip
    return _lines(found.order_by("segment")[:limit])


def version_lines(*, segment: Segment, before: int | None = None, limit: int) -> list[SegmentLine]:
    """A segment's versions, newest first; ``before`` is a version's number. One query."""
    found = segment.versions.order_by("-version")
    return _lines((found if before is None else found.filter(version__lt=before))[:limit])


def segment_line(*, segment: Segment, version: int | None = None) -> SegmentLine:
    """One version, the newest without a number. One query. Raises ``SegmentVersion.DoesNotExist``."""
    found = _lines(segment.versions.filter(version=version or segment.version))
    if not found:
        raise SegmentVersion.DoesNotExist
    return found[0]


def _lines(found: QuerySet[SegmentVersion]) -> list[SegmentLine]:
    columns = (
        "segment_id",
        "segment__public_id",
        "segment__name",
        "segment__segment_type",
        "segment__created_at",
        "version",
        "created_at",
    )
    rows = found.values_list(*columns, Cast("document", TextField()), "import_definition")
    return [SegmentLine(*row) for row in rows]


def with_sizes(found: QuerySet[Segment]) -> QuerySet[Segment]:
    """``size``: how many members an import gave a segment; None for others."""
    newest = SegmentVersion.objects.filter(segment=OuterRef("pk"), version=OuterRef("version"))
    return found.annotate(size=Subquery(newest.values("import_definition__Size")[:1]))


def get_segment(*, project: Project, segment_id: str) -> Segment:
    """By public id, listed or not. Raises ``Segment.DoesNotExist``."""
    return Segment.objects.select_related("project", "created_by").get(project=project, public_id=segment_id, deleted_at=None)


def segment_version(*, segment: Segment, version: int | None = None) -> SegmentVersion:
    """One version, the newest without a number. Raises ``SegmentVersion.DoesNotExist``."""
    return segment.versions.select_related("created_by").get(version=version or segment.version)


def segment_versions(*, segment: Segment, before: int | None = None) -> QuerySet[SegmentVersion]:
    """Newest first, without their members; ``before`` is a version's number."""
    found = segment.versions.select_related("created_by").defer("members").order_by("-version")
    return found if before is None else found.filter(version__lt=before)


def pinpoint_definition(*, segment: Segment, version: int | None = None) -> PinpointDefinition:
    """A version as Pinpoint's GetSegment answers it, and whether the segment says more. Raises ``SegmentVersion.DoesNotExist``."""
    return pinpoint.pinpoint_definition(segment_version(segment=segment, version=version).document)


def segment_counts(
    *,
    project: Project,
    segment: Segment,
    now: datetime.datetime,
    version: int | None = None,
    channels: Sequence[str] = ("EMAIL",),
) -> Counts:
    """Raises ``DefinitionRefused`` when a base segment is gone."""
    members = evaluate_segment(project_id=project.pk, segment_id=segment.public_id, version=version, now=now)
    return audience_counts(project_id=project.pk, members=members, channels=channels)


def document_counts(
    *, project: Project, document: dict[str, Any], now: datetime.datetime, channels: Sequence[str] = ("EMAIL",)
) -> Counts:
    """Raises ``DefinitionRefused``."""
    members = evaluate_document(project_id=project.pk, document=document, now=now)
    return audience_counts(project_id=project.pk, members=members, channels=channels)


EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Example:
    """A member, for a glance: its number, where messages go, and whose it is."""

    pk: int
    address: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What the builder shows beside a definition."""

    counts: Counts
    examples: list[Example]


def document_preview(
    *, project: Project, document: dict[str, Any], now: datetime.datetime, channels: Sequence[str] = ("EMAIL",)
) -> Preview:
    """The counts and a few members. Raises ``DefinitionRefused``."""
    members = evaluate_document(project_id=project.pk, document=document, now=now)
    return Preview(
        counts=audience_counts(project_id=project.pk, members=members, channels=channels),
        examples=examples(project=project, members=members),
    )


def examples(*, project: Project, members: Audience) -> list[Example]:
    """The first few members that still exist."""
    found = Endpoint.objects.filter(project=project, pk__in=members.after(endpoint_id=0, limit=EXAMPLES)).order_by("pk")
    rows = found.values_list("pk", "address", "endpoint_id", "user__user_id")
    return [Example(pk, address or endpoint_id, user_id or "") for pk, address, endpoint_id, user_id in rows]


def document_query(*, project: Project, document: dict[str, Any], now: datetime.datetime) -> Query:
    """The definition as SQL. Raises ``DefinitionRefused``."""
    moment = Moment(now, zoneinfo.ZoneInfo(project.time_zone))
    return definition_query(project_id=project.pk, definition=parse_document(document), moment=moment)


def audience_counts(*, project_id: int, members: Audience, channels: Sequence[str] = ("EMAIL",)) -> Counts:
    eligible = eligibility(project_id=project_id, members=members, channels=channels).eligible
    return Counts(matching=len(members), eligible=len(eligible))


def segment_names(*, project: Project, segment_ids: set[str]) -> dict[str, str]:
    """Public id → name, of those that exist in the project (deleted ones too, for the sentences of old versions)."""
    found = Segment.objects.filter(project=project, public_id__in=segment_ids)
    return dict(found.values_list("public_id", "name"))


def find_endpoint(*, project_id: int, text: str) -> list[int]:
    """The endpoint with this Id or address (lower case), as a list of one; empty when there is none."""
    found = Endpoint.objects.filter(Q(endpoint_key=text) | Q(address_key=text), project_id=project_id)
    return list(found.order_by("pk").values_list("pk", flat=True)[:1])
