"""How a project's transforms stand: what is in their tables, what is still to be asked about, what went wrong."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Max, Sum

from analytics.lake.refusals import sentence
from analytics.models import LakeTransform, TransformFile, TransformWindow
from analytics.transforms import periods, windows

_LISTED = 50  # windows


@dataclass(frozen=True, slots=True)
class Status:
    """``open``: windows to be asked about that are over; ``oldest`` of them; ``waits_for``: whose table comes first."""

    transform: LakeTransform
    rows: int
    bytes: int
    last_day: datetime.date | None
    open: int
    oldest: datetime.datetime | None
    waits_for: str = ""

    @property
    def failure(self) -> str:
        """In the reader's language; empty after a success."""
        kept = self.transform.failure
        return sentence(kept["code"], kept["params"]) if kept else ""

    @property
    def is_behind(self) -> bool:
        return self.open > 0


def of_project(*, project_id: int, now: datetime.datetime) -> list[Status]:
    """By name. Three queries, however many there are."""
    transforms = list(LakeTransform.objects.filter(project_id=project_id).select_related("project").order_by("name"))
    return _statuses(transforms, now)


def of_transform(transform: LakeTransform, *, now: datetime.datetime) -> Status:
    """With whom it waits for."""
    (found,) = _statuses([transform], now)
    newest = next(
        (one for one in windows.due(transform=transform) if periods.can_be_asked(transform.mode, one.starts_at, now)), None
    )
    upstream = windows.waits_for(transform, newest, now=now) if newest else None
    return found if upstream is None else Status(
        found.transform, found.rows, found.bytes, found.last_day, found.open, found.oldest, upstream.name
    )  # fmt: skip


def _statuses(transforms: Sequence[LakeTransform], now: datetime.datetime) -> list[Status]:
    ids = [one.pk for one in transforms]
    files = TransformFile.objects.filter(transform_id__in=ids, replaced_at=None).values("transform_id")
    held: Mapping[int, Any] = {
        one["transform_id"]: one for one in files.annotate(all_rows=Sum("rows"), size=Sum("bytes"), last=Max("day"))
    }
    opened: dict[int, list[datetime.datetime]] = {}
    modes = {one.pk: one.mode for one in transforms}
    for transform_id, starts_at in TransformWindow.objects.filter(transform__in=ids, asked__gt=F("done")).values_list(
        "transform_id", "starts_at"
    ):
        if periods.can_be_asked(modes[transform_id], starts_at, now):
            opened.setdefault(transform_id, []).append(starts_at)
    found = []
    for one in transforms:
        of_files, due = held.get(one.pk, {}), opened.get(one.pk, [])
        oldest = min(due) if due and one.mode != periods.Mode.WHOLE else None
        found.append(Status(one, of_files.get("all_rows", 0), of_files.get("size", 0), of_files.get("last"), len(due), oldest))
    return found


def latest(transform: LakeTransform) -> list[TransformWindow]:
    """The newest windows."""
    return list(TransformWindow.objects.filter(transform=transform).order_by("-starts_at")[:_LISTED])
