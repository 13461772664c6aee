"""The page of SQL. Whoever may change a project may run queries over its events; viewers read the saved ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from analytics.lake import sql as lake
from console import tasks
from console.models import Dashboard, QueryRun, RemoteQuery, SavedQuery
from console.services import asking, keeping, pinning, remote, saving
from console.sql import results, words
from console.sql.charting import ChartChoice
from console.sql.forms import PREFIX, QueryForm, Unfinished
from core import clock, keyset
from core.errors import Refusal
from messaging.suppression import files
from projects.access import Access, project_or_404
from projects.models import Role

_HISTORY = 15
_FIRST = """\
SELECT event_type, count(*) AS events, count(DISTINCT endpoint_id) AS endpoints
FROM all_events
GROUP BY ALL
ORDER BY events DESC"""


@login_required
def show_sql(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    chosen: SavedQuery | QueryRun | None = None
    if (saved := keyset.position(request.GET.get("saved", ""))) is not None:
        chosen = SavedQuery.objects.filter(project=access.project, pk=saved).first()
    elif (run := keyset.position(request.GET.get("run", ""))) is not None:
        chosen = QueryRun.objects.filter(project=access.project, pk=run).first()
    if chosen is None:
        return _page(request, access, sql=_FIRST, values={}, choice=ChartChoice())
    name = chosen.name if isinstance(chosen, SavedQuery) else ""
    choice = ChartChoice.of(chosen.chart if isinstance(chosen, SavedQuery) else {})
    found: dict[str, Any] = {"saved_id": chosen.pk if isinstance(chosen, SavedQuery) else None}
    key = keeping.key_of(sql=chosen.sql, parameters=chosen.parameters)
    kept = keeping.kept(project_id=access.project.pk, keys=[key]).get(key)
    if kept is not None and not kept.refusal:
        found["result"] = results.result_of(kept, choice, name=name)
    return _page(request, access, sql=chosen.sql, values=chosen.parameters, name=name, choice=choice, **found)


def _page(
    request: HttpRequest,
    access: Access,
    *,
    sql: str,
    values: Mapping[str, str],
    choice: ChartChoice,
    name: str = "",
    **result: Any,
) -> HttpResponse:
    tables = words.tables_of(project_id=access.project.pk)
    context = {
        "sql": sql, "name": name, "tables": tables, "words": words.words(tables), "prefix": PREFIX,
        "values": [(one, values.get(one, "")) for one in lake.parameters_of(sql)],
        "saved": SavedQuery.objects.filter(project=access.project).order_by("name"),
        "runs": QueryRun.objects.filter(project=access.project).select_related("actor").order_by("-pk")[:_HISTORY],
        "dashboards": Dashboard.objects.filter(project=access.project).order_by("name").values_list("name", flat=True),
        "remote": RemoteQuery.objects.filter(project=access.project).select_related("actor").order_by("-pk")[:_HISTORY],
        "has_athena": remote.is_there(),
        "limit": lake.ROWS, "characters": lake.CHARACTERS, "choice": choice, **result,
    }  # fmt: skip
    return render(request, "console/sql.html", context)


@login_required
@require_POST
def run_sql(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form, result, values = QueryForm(request.POST), dict[str, Any](), dict[str, str]()
    if form.is_valid():
        values = form.parameters()
        try:
            answer = asking.ask(
                project=access.project, actor=access.user, sql=form.cleaned_data["sql"], parameters=values, now=clock.now()
            )
            result["result"] = results.result_of(answer, results.choice_in(request.POST), name=form.cleaned_data["name"])
        except lake.SqlRefused as refusal:
            result["refusal"] = refusal
    else:
        result["refusal"] = Unfinished(form.sentence())
    if request.headers.get("HX-Request"):
        return render(request, "console/_sql_result.html", result | {"choice": results.choice_in(request.POST)})
    return _page(
        request, access, sql=request.POST.get("sql", ""), values=values, name=request.POST.get("name", "")[:100],
        choice=results.choice_in(request.POST), **result,
    )  # fmt: skip


@login_required
@require_POST
def chart_sql(request: HttpRequest, project_id: str) -> HttpResponse:
    """The picture of the answer that the page shows, drawn of other columns. The query is asked again only if it is kept no more."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = QueryForm(request.POST)
    if not form.is_valid():
        return render(request, "console/_sql_picture.html", {"refusal": Unfinished(form.sentence())})
    given = {"sql": form.cleaned_data["sql"], "parameters": form.parameters()}
    key = keeping.key_of(**given)
    answer: keeping.Kept | lake.Answer | None = keeping.kept(project_id=access.project.pk, keys=[key]).get(key)
    try:
        if answer is None or (isinstance(answer, keeping.Kept) and answer.refusal):
            answer = asking.ask(project=access.project, actor=access.user, now=clock.now(), **given)
    except lake.SqlRefused as refusal:
        return render(request, "console/_sql_picture.html", {"refusal": refusal})
    result = results.result_of(answer, results.choice_in(request.POST), name=form.cleaned_data["name"])
    return render(request, "console/_sql_picture.html", {"result": result})


@login_required
@require_POST
def download_sql(request: HttpRequest, project_id: str) -> HttpResponse | StreamingHttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = QueryForm(request.POST)
    if not form.is_valid():
        return refused(request, access, Unfinished(form.sentence()))
    given = {"sql": form.cleaned_data["sql"], "parameters": form.parameters()}
    try:
        answer = asking.download(project=access.project, actor=access.user, now=clock.now(), **given)
    except lake.SqlRefused as refusal:
        return refused(request, access, refusal)

    def rows() -> Iterator[tuple[str, ...]]:
        yield tuple(column.name for column in answer.columns)
        for row in answer.rows:
            yield tuple("" if cell is None else str(cell) for cell in row)

    return StreamingHttpResponse(
        files.lines(rows()),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="result.csv"'},
    )


@login_required
@require_POST
def create_sql_segment(request: HttpRequest, project_id: str) -> HttpResponse:
    """The endpoints that the result names, as a segment."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = QueryForm(request.POST)
    if not form.is_valid():
        return refused(request, access, Unfinished(form.sentence()))
    if not form.cleaned_data["segment_name"]:
        return refused(request, access, Unfinished(_("Give the segment a name.")))
    try:
        segment = asking.make_segment(
            project=access.project, actor=access.user, name=form.cleaned_data["segment_name"], sql=form.cleaned_data["sql"],
            parameters=form.parameters(), now=clock.now(),
        )  # fmt: skip
    except Refusal as refusal:
        return refused(request, access, refusal)
    messages.success(request, _("The endpoints of the result are a segment now."))
    return redirect("segments:show-segment", access.project.public_id, segment.public_id)


@login_required
@require_POST
def save_query(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    try:
        query = _saved(request, access)
    except Refusal as refusal:
        return refused(request, access, refusal)
    messages.success(request, _("Saved."))
    return redirect(f"{reverse('console:show-sql', args=[access.project.public_id])}?saved={query.pk}")


def _saved(request: HttpRequest, access: Access) -> SavedQuery:
    """Raises ``Unfinished``."""
    form = QueryForm(request.POST)
    if not form.is_valid():
        raise Unfinished(form.sentence())
    if not form.cleaned_data["name"]:
        raise Unfinished(_("Give the query a name, under which it is found again."))
    return saving.save_query(
        project=access.project, actor=access.user, name=form.cleaned_data["name"], sql=form.cleaned_data["sql"],
        parameters=form.parameters(), chart=results.choice_in(request.POST).document, now=clock.now(),
    )  # fmt: skip


@login_required
@require_POST
def pin_query(request: HttpRequest, project_id: str) -> HttpResponse:
    """Save the query, and put its picture on a dashboard."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    dashboard_name = request.POST.get("dashboard", "").strip()
    try:
        if not 0 < len(dashboard_name) <= 100:
            raise Unfinished(_("Name the dashboard, of at most 100 characters: one that there is, or a new one."))
        query = _saved(request, access)
        dashboard = pinning.pin(query=query, actor=access.user, name=dashboard_name, now=clock.now())
    except Refusal as refusal:
        return refused(request, access, refusal)
    tasks.refresh_dashboards.apply_async(expires=tasks.REFRESH_EXPIRES_SECONDS)
    messages.success(request, _("The query was saved and pinned."))
    return redirect("console:show-dashboard", access.project.public_id, dashboard.pk)


@login_required
@require_POST
def delete_query(request: HttpRequest, project_id: str, query_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    query = get_object_or_404(SavedQuery.objects.select_related("project"), project=access.project, pk=query_id)
    saving.delete_query(query=query, actor=access.user, now=clock.now())
    return redirect("console:show-sql", access.project.public_id)


def refused(request: HttpRequest, access: Access, refusal: Refusal) -> HttpResponse:
    """The page with what was typed, and what is wrong."""
    sql = request.POST.get("sql", "")
    values = {one: request.POST.get(f"{PREFIX}{one}", "") for one in lake.parameters_of(sql)}
    choice = results.choice_in(request.POST)
    return _page(request, access, sql=sql, values=values, name=request.POST.get("name", "")[:100], choice=choice, refusal=refusal)
