"""Queries that run in Athena: asked once each, looked after until they are over, cancelled."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from analytics.lake import sql as lake
from analytics.lake.aws import Athena, AwsFailed
from analytics.lake.catalog import Column
from analytics.lake.translation import to_athena
from console.models import RemoteQuery
from core.errors import Refusal
from projects.models import Project, User

_OPEN = 3  # of a project at a time
_KEPT = 50
_S = RemoteQuery.State


class TooManyQueries(Refusal):
    """So many of the project's queries run there already."""


def is_there() -> bool:
    """Whether queries can run in Athena: the lake has a catalog, and a workgroup was named."""
    return bool(settings.ATHENA_WORKGROUP and settings.LAKE_GLUE_DATABASE)


def begin(*, project: Project, actor: User, sql: str, parameters: Mapping[str, str], now: datetime.datetime) -> RemoteQuery:
    """Ask Athena. Raises ``NotTranslated`` or ``TooManyQueries``. When Athena does not answer it is asked again as one looks."""
    asked, values = lake.bound(sql, parameters)
    translated = to_athena(sql=asked, parameters=values, app_id=project.public_id, database=settings.LAKE_GLUE_DATABASE)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        mine = RemoteQuery.objects.filter(project=project)
        if mine.filter(state__in=(_S.STARTING, _S.QUEUED, _S.RUNNING)).count() >= _OPEN:
            raise TooManyQueries(
                _("%(count)s queries of this project run in Athena already. Wait for one, or cancel it.") % {"count": _OPEN}
            )
        query = RemoteQuery.objects.create(
            project=project, actor=actor, sql=sql, parameters=dict(parameters), translated=translated, began_at=now
        )
        kept = mine.order_by("-pk").values_list("pk", flat=True)[:_KEPT]
        mine.exclude(pk__in=list(kept)).delete()
    return look(query=query)


def look(*, query: RemoteQuery) -> RemoteQuery:
    """How it stands there; asks Athena first where that was broken off. A fault of the way is kept as its reason, and it stays open."""
    if query.is_over:
        return query
    athena = _athena()
    try:
        if not query.execution_id:
            query.execution_id = athena.start(sql=query.translated, token=query.token)
        found = athena.state(query.execution_id)
    except AwsFailed as fault:
        query.reason = str(fault)
        if fault.is_answer and not query.execution_id:  # without an answer it is asked again, with the same token
            query.state = _S.FAILED
    else:
        query.state, query.reason = found.state, found.reason
        query.scanned, query.milliseconds = found.scanned, found.milliseconds
    query.save(update_fields=["execution_id", "state", "reason", "scanned", "milliseconds"])
    return query


def cancel(*, query: RemoteQuery) -> RemoteQuery:
    """What is over stays as it is. Raises ``Refusal`` when Athena does not take it."""
    if query.is_over or not query.execution_id:
        return query
    try:
        _athena().stop(query.execution_id)
    except AwsFailed as fault:
        raise Refusal(_("Athena did not cancel it: %(why)s") % {"why": fault}) from fault
    return look(query=query)


def answer(*, query: RemoteQuery) -> lake.Answer:
    """The rows of one that is done, as texts. Raises ``Refusal``."""
    try:
        head, *rows = _athena().rows(query.execution_id, limit=lake.ROWS + 1)
    except (AwsFailed, ValueError) as fault:
        raise Refusal(_("Athena does not give the answer: %(why)s") % {"why": fault}) from fault
    columns = [Column(name or "", "") for name in head]
    return lake.Answer(columns, [list(row) for row in rows[: lake.ROWS]], len(rows) > lake.ROWS, query.milliseconds / 1000)


def _athena() -> Athena:
    return Athena(workgroup=settings.ATHENA_WORKGROUP, output=settings.ATHENA_OUTPUT_URL)
