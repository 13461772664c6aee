"""What the lake holds, in numbers, and copies of it for other programs."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Count, Max, Min, Sum

from analytics.event_names import names_of
from analytics.lake import files
from analytics.lake.store import store


@dataclass(frozen=True, slots=True)
class Line:
    """A type of events of a project."""

    type_name: str
    files: int
    rows: int
    bytes: int
    first_day: datetime.date
    last_day: datetime.date


def summary(*, project_id: int) -> list[Line]:
    """What the project has in the lake, by type."""
    names = names_of(project_id=project_id)
    numbers = {"count": Count("pk"), "all_rows": Sum("rows"), "size": Sum("bytes"), "first": Min("day"), "last": Max("day")}
    by_kind = files.current(project_id=project_id).order_by("kind").values("kind").annotate(**numbers)
    found = by_kind.values_list("kind", *numbers)
    return [Line(names.get(kind, f"custom.{kind}"), *told) for kind, *told in found]


def copy_files(*, project_id: int, to: Path, since: datetime.date | None, until: datetime.date | None) -> Iterator[int]:
    """Copy the project's files, in their folders, into another folder; gives the bytes of each. What is there already stays."""
    wanted = files.current(project_id=project_id)
    if since is not None:
        wanted = wanted.filter(day__gte=since)
    if until is not None:
        wanted = wanted.filter(day__lte=until)
    where = store()
    for one in wanted:
        target = to / one.path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            half = target.with_suffix(".half")
            shutil.copyfile(where.local(one.path), half)
            half.rename(target)
        yield one.bytes
