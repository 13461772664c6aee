"""What the lake holds, in numbers, and copies of it for other programs."""

from __future__ import annotations

import datetime
import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Count, Max, Min, Q, Sum

from analytics.event_names import names_of
from analytics.lake import files, own_tables
from analytics.lake.store import store
from analytics.models import TransformFile


@dataclass(frozen=True, slots=True)
class TableLine:
    """A table of a transform."""

    name: str
    files: int
    rows: int
    bytes: int


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


def tables(*, project_id: int) -> list[TableLine]:
    """The project's own tables that have rows, by name."""
    names = {one.pk: one.name for one in own_tables.of_project(project_id=project_id)}
    numbers = {"count": Count("pk"), "all_rows": Sum("rows"), "size": Sum("bytes")}
    held = TransformFile.objects.filter(transform_id__in=names, replaced_at=None).values("transform_id").annotate(**numbers)
    return sorted(
        (TableLine(names[pk], *told) for pk, *told in held.values_list("transform_id", *numbers)), key=lambda one: one.name
    )


def copy_files(*, project_id: int, to: Path, since: datetime.date | None, until: datetime.date | None) -> Iterator[int]:
    """Copy the project's files, in their folders, into another folder; gives the bytes of each. What is there already stays.

    Its own tables are copied, too; those that are made all at once have no days, and are copied whole.
    """
    span = Q()
    if since is not None:
        span &= Q(day__gte=since)
    if until is not None:
        span &= Q(day__lte=until)
    events = files.current(project_id=project_id).filter(span)
    own = own_tables.current(own_tables.of_project(project_id=project_id)).filter(span | Q(day=None))
    where = store()
    for one in itertools.chain(events, own):
        target = to / one.path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            half = target.with_suffix(".half")
            shutil.copyfile(where.local(one.path), half)
            half.rename(target)
        yield one.bytes
