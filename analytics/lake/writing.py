"""From the event table into files, in the order of positions.

The files are written first, each under a name of its own; then their rows and the position are committed together. Killed before that,
the files belong to nobody and the same events are written again; two at once: the position has moved for the second, who takes nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from django.db import transaction

from analytics.event_names import names_of
from analytics.lake import files
from analytics.lake.files import Place
from analytics.lake.rows import tables_of
from analytics.lake.store import Store, store
from analytics.models import LakeFile, LakePosition
from analytics.stream.horizon import settled_position
from analytics.stream.reading import StoredEvent, everyones_events_after
from projects.models import Project

EVENTS_AT_ONCE = 100_000  # some 100 MB of memory
_WRITING = 1


def write_events(*, now: datetime.datetime, steps: int = 10, limit: int = EVENTS_AT_ONCE) -> int:
    """Carry what is settled into the lake, at most ``steps`` times ``limit`` events; returns how many."""
    written = 0
    with files.alone(_WRITING) as is_mine:
        if not is_mine:
            return 0
        settled = settled_position()
        for _number in range(steps):
            count = _step(settled=settled, limit=limit, now=now)
            if count is None:
                break
            written += count
    return written


def _step(*, settled: int, limit: int, now: datetime.datetime) -> int | None:
    """One transaction's worth; None: there is nothing more, or somebody else was faster."""
    after = LakePosition.objects.get_or_create(pk=1)[0].position
    if after >= settled:
        return None
    span = everyones_events_after(after=after, settled=settled, limit=limit)
    where, made = store(), list[LakeFile]()
    is_kept = False
    try:
        made += _written(where, span.events, now)
        with transaction.atomic():
            moved = LakePosition.objects.filter(pk=1, position=after).update(position=span.until, moved_at=now)
            if moved:
                LakeFile.objects.bulk_create(made)
        is_kept = bool(moved)
    finally:
        if not is_kept:
            for one in made:
                where.delete(one.path)
    return sum(one.rows for one in made) if is_kept else None


def _written(where: Store, events: Mapping[int, Sequence[StoredEvent]], now: datetime.datetime) -> list[LakeFile]:
    made = []
    for project in Project.objects.filter(pk__in=list(events)):
        names = names_of(project_id=project.pk)
        for (kind, day), table in tables_of(project=project, names=names, events=events[project.pk]).items():
            place = Place(project.pk, project.public_id, kind, names.get(kind, f"custom.{kind}"), day)
            positions = table["position"]
            made.append(
                files.write(
                    store=where, place=place, tables=[table], rows=table.num_rows, first=positions[0].as_py(),
                    last=positions[-1].as_py(), now=now,
                )
            )  # fmt: skip
    return made
