"""Transforms of a project: made, changed, paused, resumed, asked about at once or from a day on, deleted."""

from __future__ import annotations

import datetime
import re
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.lake import catalog, own_tables
from analytics.lake.store import store
from analytics.models import LakeTransform, TransformFile, TransformWindow
from analytics.transforms import asking, periods, windows
from analytics.transforms.periods import Mode
from core.errors import Refusal
from core.transitions import transition
from projects.models import Project, User
from projects.services import audit

LIMIT = 50  # of a project
MOST_DAYS = 1_100  # that are asked about again at a time
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
# What means something to DuckDB or Athena.
_WORDS = frozenset(
    """
    all and any array as asc between both by case cast check column constraint create cross current_date current_time database day
    default delete desc describe distinct drop else end except exists external false fetch filter for foreign from full function grant
    group having history hour in inner insert intersect interval into is join key lateral left like limit main map month natural not
    null of offset on only or order outer partition pivot primary project qualify range references right row rows schema select set
    show some summarize table temp then time timestamp to trailing true type union unique unpivot update user using values view when
    where window with year
    """.split()
)
_S = LakeTransform.State
_STATES: dict[str, frozenset[str]] = {_S.PAUSED: frozenset({_S.RUNNING}), _S.RUNNING: frozenset({_S.PAUSED})}
_REFUSALS = {
    _S.PAUSED: gettext_lazy("Only a transform that is running can be paused."),
    _S.RUNNING: gettext_lazy("The transform is running already."),
}


class TransformRefused(Refusal):
    """The transform can't be so. ``detail``: what DuckDB says of the SQL."""

    def __init__(self, message: object, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


def create_transform(
    *, project: Project, actor: User, name: str, sql: str, mode: str, since: datetime.date | None, now: datetime.datetime
) -> LakeTransform:
    """A table of this name, filled from a day (UTC) on, or with what comes from now on. Raises ``TransformRefused`` or ``SqlRefused``."""
    _check_name(name)
    made = LakeTransform(
        project=project,
        name=name,
        sql=sql,
        mode=mode,
        next_at=periods.next_look(now),
        created_by=actor,
        created_at=now,
        changed_at=now,
    )
    _check(made)
    made.position = windows.lake_position()
    starts = windows.since(transform=made, store=store(), first=since, until=made.position) if since else set()
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        others = own_tables.of_project(project_id=project.pk)
        if len(others) >= LIMIT:
            raise TransformRefused(_("A project has %(limit)s transforms at most. Delete one.") % {"limit": LIMIT})
        if any(one.name == name for one in others):
            raise TransformRefused(_("There is a table “%(name)s” already. Choose another name.") % {"name": name})
        _check_upstream(made, others)
        made.save(force_insert=True)
        windows.ask(transform=made, starts=starts, now=now)
        audit.record(project=project, actor=actor, verb="transform.created", target=made, now=now, name=name)
    return made


def change_transform(*, transform: LakeTransform, actor: User, sql: str, now: datetime.datetime) -> None:
    """Another SQL for the same table. All that it was asked about is asked again; with other columns the table begins anew.

    Of events that the lake keeps no longer nothing can be asked: what the table has of them stays, while the columns are the same.

    Raises ``TransformRefused`` or ``SqlRefused``.
    """
    columns = transform.columns
    transform.sql = sql
    _check(transform)
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=transform.project_id)
        others = [one for one in own_tables.of_project(project_id=project.pk) if one.pk != transform.pk]
        _check_upstream(transform, others)
        values = {"sql": sql, "columns": transform.columns, "reads": transform.reads, "changed_at": now, **_FRESH}
        held = LakeTransform.objects.select_for_update().get(pk=transform.pk)
        LakeTransform.objects.filter(pk=held.pk).update(version=held.version + 1, next_at=now, **values)
        if [tuple(one) for one in columns] != [tuple(one) for one in transform.columns]:
            own_tables.current([held]).update(replaced_at=now)
        starts = TransformWindow.objects.filter(transform=held).values_list("starts_at", flat=True)
        windows.ask(transform=transform, starts=starts, now=now)
        audit.record(project=project, actor=actor, verb="transform.changed", target=held, now=now, name=held.name)


_FRESH: dict[str, object] = {"failed_at": None, "failure": {}, "failures": 0, "not_before": None}


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise TransformRefused(
            _("A table's name has small letters a–z, digits and _, begins with a letter, and has 50 characters at most.")
        )
    if name in _WORDS or name in {table.name for table in catalog.tables()}:
        raise TransformRefused(_("“%(name)s” means something in SQL already. Choose another name.") % {"name": name})


def _check(transform: LakeTransform) -> None:
    """Find out the columns, and what is read."""
    others = [one for one in own_tables.of_project(project_id=transform.project_id) if one.pk != transform.pk]
    found = asking.check(project_id=transform.project_id, sql=transform.sql, mode=transform.mode, others=others)
    if not found.reads:
        raise TransformRefused(_("The query reads no table: nothing would ever be new."))
    if transform.mode != Mode.WHOLE and all(name.startswith(f"{windows.HISTORY}.") for name in found.reads):
        raise TransformRefused(
            _("The query reads tables of all times only. Read one without “history.”, or choose “all at once”.")
        )
    transform.columns, transform.reads = [list(one) for one in found.columns], found.reads


def _check_upstream(transform: LakeTransform, others: list[LakeTransform]) -> None:
    """Under the project's lock: what it reads is still there, and reads it not."""
    known = {table.name for table in catalog.tables()} | {one.name for one in others}
    names = {name.removeprefix(f"{windows.HISTORY}.") for name in transform.reads}
    if gone := sorted(names - known):
        raise TransformRefused(_("There is no table “%(name)s” any more.") % {"name": gone[0]})
    try:
        windows.in_order([*others, transform])
    except ValueError as circle:
        raise TransformRefused(_("Transforms would read each other in a circle: %(circle)s.") % {"circle": circle}) from None


def of_project(*, project_id: int) -> list[LakeTransform]:
    """By name."""
    return own_tables.of_project(project_id=project_id)


def pause(*, transform: LakeTransform, actor: User, now: datetime.datetime) -> None:
    """What it is being asked about comes to nothing, and is asked again later."""
    _move(transform, actor, _S.PAUSED, "transform.paused", now)


def resume(*, transform: LakeTransform, actor: User, now: datetime.datetime) -> None:
    """Raises ``TransformRefused`` for one whose SQL was erased."""
    if not transform.sql:
        raise TransformRefused(_("The SQL was erased because it named a person who was. Write it anew first."))
    _move(transform, actor, _S.RUNNING, "transform.resumed", now, next_at=now, not_before=None)


def _move(transform: LakeTransform, actor: User, to: str, verb: str, now: datetime.datetime, **values: Any) -> None:
    with transaction.atomic():
        transition(
            queryset=LakeTransform.objects.filter(pk=transform.pk), table=_STATES, to=to, refusal=_REFUSALS[_S(to)], **values
        )
        audit.record(project=transform.project, actor=actor, verb=verb, target=transform, now=now, name=transform.name)


def forget_sql(*, transform: LakeTransform) -> None:
    """The SQL named a person who is erased: the table stays as it is, until somebody writes the SQL anew."""
    LakeTransform.objects.filter(pk=transform.pk).update(
        sql="", state=_S.PAUSED, version=F("version") + 1, failure={"code": "erased", "params": {}, "detail": ""}
    )


def run_now(*, transform: LakeTransform, actor: User, now: datetime.datetime) -> None:
    """Look at once, whatever went wrong before. Raises ``TransformRefused`` for one that is paused."""
    with transaction.atomic():
        mine = LakeTransform.objects.filter(pk=transform.pk, state=_S.RUNNING)
        if not mine.update(next_at=now, not_before=None):
            raise TransformRefused(_("The transform is paused. Resume it first."))
        audit.record(project=transform.project, actor=actor, verb="transform.run", target=transform, now=now, name=transform.name)


def backfill(*, transform: LakeTransform, actor: User, since: datetime.date, now: datetime.datetime) -> int:
    """Ask (again) about all that happened from a day (UTC) on; returns about how many hours or days. Raises ``TransformRefused``."""
    if (now.date() - since).days > MOST_DAYS:
        raise TransformRefused(_("Choose a day of the last %(days)s.") % {"days": f"{MOST_DAYS:,}"})
    starts = windows.since(transform=transform, store=store(), first=since, until=windows.lake_position())
    with transaction.atomic():
        count = windows.ask(transform=transform, starts=starts, now=now)
        audit.record(
            project=transform.project, actor=actor, verb="transform.backfilled", target=transform, now=now, name=transform.name,
            since=since.isoformat(),
        )  # fmt: skip
    return count


def delete_transform(*, transform: LakeTransform, actor: User, now: datetime.datetime) -> None:
    """With its table. Raises ``TransformRefused`` while another one reads it."""
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=transform.project_id)
        readers = [
            one.name for one in own_tables.of_project(project_id=project.pk)
            if one.pk != transform.pk and {transform.name, f"{windows.HISTORY}.{transform.name}"} & set(one.reads)
        ]  # fmt: skip
        if readers:
            told = {"names": ", ".join(readers)}
            raise TransformRefused(_("Other transforms read this table: %(names)s. Change or delete them first.") % told)
        TransformFile.objects.filter(transform_id=transform.pk, replaced_at=None).update(replaced_at=now)
        audit.record(project=project, actor=actor, verb="transform.deleted", target=project, now=now, name=transform.name)
        transform.delete()
