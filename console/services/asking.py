"""Running a query for a person: kept in the project's history, with how it went."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from django.utils.translation import gettext as _

from analytics.lake import sql as lake
from console.models import QueryRun
from console.services import keeping
from core.audience import Audience
from core.errors import Refusal
from endpoints.models import Endpoint
from projects.models import Project, User
from projects.services import audit
from segments.models import Segment
from segments.services import segments

_KEPT = 50  # runs of a project
SEGMENT_ROWS = 200_000


class NobodyFound(Refusal):
    """The result names no endpoint of the project."""


def ask(*, project: Project, actor: User, sql: str, parameters: Mapping[str, str], now: datetime.datetime) -> lake.Answer:
    """The query's answer, which is kept for its picture. Raises ``SqlRefused``; the history has it in any case."""
    run = QueryRun.objects.create(project=project, actor=actor, sql=sql, parameters=dict(parameters), began_at=now)
    oldest = QueryRun.objects.filter(project=project).order_by("-pk").values_list("pk", flat=True)[_KEPT : _KEPT + 1].first()
    if oldest is not None:
        QueryRun.objects.filter(project=project, pk__lte=oldest).delete()
    answer = lake.run(project_id=project.pk, sql=sql, parameters=parameters)
    QueryRun.objects.filter(pk=run.pk).update(seconds=answer.seconds, rows=len(answer.rows))
    keeping.keep(project_id=project.pk, key=keeping.key_of(sql=sql, parameters=parameters), answer=answer, now=now)
    return answer


def download(*, project: Project, actor: User, sql: str, parameters: Mapping[str, str], now: datetime.datetime) -> lake.Answer:
    """As ``ask``; the audit trail says who took how many rows away."""
    answer = ask(project=project, actor=actor, sql=sql, parameters=parameters, now=now)
    audit.record(project=project, actor=actor, verb="query.downloaded", target=project, now=now, rows=len(answer.rows))
    return answer


def make_segment(
    *, project: Project, actor: User, name: str, sql: str, parameters: Mapping[str, str], now: datetime.datetime
) -> Segment:
    """A segment of the endpoints that the result names, as they are now. Raises ``SqlRefused`` or ``NobodyFound``."""
    answer = lake.run(project_id=project.pk, sql=sql, parameters=parameters, only=lake.PEOPLE, rows=SEGMENT_ROWS)
    if answer.is_cut:
        limit = f"{SEGMENT_ROWS:,}"
        raise NobodyFound(
            _("The result has more than %(limit)s rows. Name each endpoint once, or ask for fewer.") % {"limit": limit}
        )
    named = {row[0] for row in answer.rows if row[0] is not None}
    rows = Endpoint.objects.filter(project=project)
    if answer.columns[0].name == "endpoint_id":
        found = rows.filter(pk__in=[one for one in named if isinstance(one, int) and abs(one) < 1 << 63])
    else:
        found = rows.filter(endpoint_key__in=[str(one).lower() for one in named])
    members = Audience(found.values_list("pk", flat=True))
    if not members:
        raise NobodyFound(_("The result names nobody who is still an endpoint of this project."))
    return segments.create_fixed_segment(project=project, actor=actor, name=name, members=members, now=now)
