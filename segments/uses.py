"""What uses a segment: other segments built on it, and what higher floors have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q

from segments import ports
from segments.models import Segment, SegmentType, SegmentVersion
from segments.ports import SegmentPin, SegmentUser


@dataclass(frozen=True, slots=True)
class Uses:
    """``built_on_it`` are listed segments that need the segment now; ``pins`` the definitions through which ``users`` need it."""

    built_on_it: list[Segment]
    pins: list[SegmentPin]
    users: list[SegmentUser]

    @property
    def names(self) -> list[str]:
        return [*(one.name for one in self.built_on_it), *(user.name for user in self.users)]

    @property
    def ending(self) -> list[SegmentUser]:
        """Those that are deleted with the segment."""
        return [user for user in self.users if user.ends]

    @property
    def staying(self) -> list[SegmentUser]:
        """Those that stay, and must be given another segment."""
        return [user for user in self.users if not user.ends]


def segment_uses(*, segment: Segment) -> Uses:
    """What uses the segment directly, by a wizard's own segment that is built on it, or by an older version that was."""
    built_on_it: dict[int, Segment] = {}
    pins, frontier = [SegmentPin(segment.public_id)], [SegmentPin(segment.public_id)]
    while frontier:
        reached = []
        for version in _versions_on(segment.project_id, frontier):
            owner = version.segment
            is_newest = version.version == owner.version
            if is_newest and owner.is_listed:
                built_on_it[owner.pk] = owner
            else:
                reached.append(SegmentPin(owner.public_id, None if is_newest else version.version))
        frontier = [pin for pin in reached if pin not in pins]
        pins += frontier
    listed = sorted(built_on_it.values(), key=lambda one: (one.name, one.pk))
    answers = ports.segment_users.call(segment.project_id, pins)
    return Uses(built_on_it=listed, pins=pins, users=[user for users in answers for user in users])


def _versions_on(project_id: int, pins: list[SegmentPin]) -> Iterator[SegmentVersion]:
    """The definitions that name one of the pins as a base segment; without a version they mean the newest."""
    naming = Q()
    for pin in pins:
        source: dict[str, object] = {"Id": pin.segment_id}
        if pin.version is not None:
            source["Version"] = pin.version
        naming |= Q(document__SegmentGroups__Groups__contains=[{"SourceSegments": [source]}])
    found = SegmentVersion.objects.filter(
        naming, segment__project_id=project_id, segment__deleted_at=None, segment__segment_type=SegmentType.DIMENSIONAL
    )
    yield from found.select_related("segment").defer("members").order_by("pk")
