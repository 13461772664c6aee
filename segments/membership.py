"""Which segments an endpoint is in now: each listed segment is evaluated and asked for the id, some at a time."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from core.errors import Refusal
from projects.models import Project
from segments import queries
from segments.evaluation import evaluate_segment
from segments.models import Segment


@dataclass(frozen=True, slots=True)
class Membership:
    """The segments that hold the endpoint, of those looked at; ``next_offset`` is None when all were."""

    segments: list[Segment]
    next_offset: int | None


def memberships(*, project: Project, endpoint_pk: int, now: datetime.datetime, offset: int = 0, limit: int = 25) -> Membership:
    """Look at ``limit`` of the project's listed segments, newest change first. One whose base segment is gone has no members."""
    looked_at = list(queries.listed_segments(project=project)[offset : offset + limit + 1])
    found = [segment for segment in looked_at[:limit] if _holds(project, segment, endpoint_pk, now)]
    return Membership(segments=found, next_offset=offset + limit if len(looked_at) > limit else None)


def _holds(project: Project, segment: Segment, endpoint_pk: int, now: datetime.datetime) -> bool:
    try:
        return endpoint_pk in evaluate_segment(project_id=project.pk, segment_id=segment.public_id, now=now)
    except Refusal:
        return False
