"""The suppression lists: a project's for its members, the installation's (without a project) for superusers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from core import clock, keyset
from core.errors import Refusal
from messaging import queries
from messaging.models import Suppression
from messaging.outcome_forms import AddressesForm, AddressFileForm, SuppressionRulesForm
from messaging.services import suppressions
from messaging.suppression import files
from projects.access import project_or_404, superuser_or_404
from projects.models import Project, Role, User

_PAGE = 50


@dataclass(frozen=True, slots=True)
class _List:
    """Whose list, and who asks."""

    project: Project | None
    user: User
    can_edit: bool

    def url(self, what: str) -> str:
        if self.project is None:
            return reverse(f"messaging:{what}-installation-suppressions")
        return reverse(f"messaging:{what}-suppressions", args=[self.project.public_id])


def _list_or_404(request: HttpRequest, project_id: str | None, *, at_least: Role = Role.VIEWER) -> _List:
    if project_id is None:
        return _List(None, superuser_or_404(request), True)
    access = project_or_404(request, project_id, at_least=at_least)
    return _List(access.project, access.user, access.can_edit)


@login_required
def list_suppressions(request: HttpRequest, project_id: str | None = None) -> HttpResponse:
    return _page(request, _list_or_404(request, project_id))


def _page(
    request: HttpRequest, held: _List, *, adding: AddressesForm | None = None, importing: AddressFileForm | None = None
) -> HttpResponse:
    search, reason = request.GET.get("q", "").strip(), request.GET.get("reason", "")
    reason = reason if reason in Suppression.Reason.values else ""
    found = queries.suppressions(
        project=held.project, search=search, reason=reason, before=keyset.position(request.GET.get("before", "")), limit=_PAGE + 1
    )
    hard_bounces, complaints = suppressions.rules_of(project_id=held.project.pk if held.project else None)
    context = {
        "found": found[:_PAGE], "next_before": found[_PAGE - 1].pk if len(found) > _PAGE else None, "search": search, "reason": reason,
        "reasons": Suppression.Reason.choices, "can_edit": held.can_edit, "is_installation": held.project is None,
        "adding": adding or AddressesForm(), "importing": importing or AddressFileForm(),
        "rules": SuppressionRulesForm(initial={"hard_bounces": hard_bounces, "complaints": complaints}),
        "urls": {what: held.url(what) for what in ("list", "add", "import", "export", "release", "rule")},
        "mailbox": queries.bounce_mailbox(project=None) if held.project is None else None,
    }  # fmt: skip
    page = "installation_suppressions" if held.project is None else "suppressions"
    return render(request, f"messaging/{page}.html", context)


@login_required
@require_POST
def add_suppressions(request: HttpRequest, project_id: str | None = None) -> HttpResponse:
    held = _list_or_404(request, project_id, at_least=Role.MARKETER)
    form = AddressesForm(request.POST)
    if form.is_valid():
        try:
            added = suppressions.add(project=held.project, actor=held.user, lines=form.lines(), now=clock.now())
        except Refusal as refusal:
            form.add_error("addresses", refusal.message)
        else:
            _say(request, added)
            return redirect(held.url("list"))
    return _page(request, held, adding=form)


@login_required
@require_POST
def import_suppressions(request: HttpRequest, project_id: str | None = None) -> HttpResponse:
    held = _list_or_404(request, project_id, at_least=Role.MARKETER)
    form = AddressFileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            added = suppressions.add(
                project=held.project, actor=held.user, lines=form.cleaned_data["file"], now=clock.now(),
                reason=Suppression.Reason.IMPORT, source=Suppression.Source.FILE,
            )  # fmt: skip
        except Refusal as refusal:
            form.add_error("file", refusal.message)
        else:
            _say(request, added)
            return redirect(held.url("list"))
    return _page(request, held, importing=form)


def _say(request: HttpRequest, added: suppressions.Added) -> None:
    said = ngettext("%(count)s address was added.", "%(count)s addresses were added.", added.new) % {"count": f"{added.new:,}"}
    if added.known:
        said += " " + _("Already on the list: %(count)s.") % {"count": f"{added.known:,}"}
    messages.success(request, said)
    if added.wrong_total:
        given = {"count": f"{added.wrong_total:,}", "examples": ", ".join(added.wrong)}
        messages.warning(request, _("Left out, as they are no e-mail addresses (%(count)s lines): %(examples)s") % given)


@login_required
@require_POST
def release_suppressions(request: HttpRequest, project_id: str | None = None) -> HttpResponse:
    held = _list_or_404(request, project_id, at_least=Role.MARKETER)
    ids = [one for one in map(keyset.position, request.POST.getlist("ids")[:1_000]) if one is not None]
    released = suppressions.release(project=held.project, actor=held.user, ids=ids, now=clock.now())
    if released:
        messages.success(
            request,
            ngettext("%(count)s address was released.", "%(count)s addresses were released.", released) % {"count": released},
        )
    else:
        messages.error(request, _("Tick the addresses that shall be released first."))
    return redirect(held.url("list"))


@login_required
@require_POST
def rule_suppressions(request: HttpRequest, project_id: str | None = None) -> HttpResponse:
    """What goes onto the list by itself."""
    held = _list_or_404(request, project_id, at_least=Role.MARKETER)
    form = SuppressionRulesForm(request.POST)
    if form.is_valid():
        suppressions.save_rules(project=held.project, actor=held.user, now=clock.now(), **form.cleaned_data)
        messages.success(request, _("Saved: it holds for bounces and complaints from now on."))
    return redirect(held.url("list"))


@login_required
def export_suppressions(request: HttpRequest, project_id: str | None = None) -> HttpResponse | StreamingHttpResponse:
    held = _list_or_404(request, project_id, at_least=Role.MARKETER)

    def rows() -> Iterator[tuple[str, ...]]:
        yield "address", "reason", "source", "at"
        for one in queries.exported_suppressions(project=held.project):
            yield one.address, one.reason, one.source, one.at.isoformat(timespec="seconds")

    return StreamingHttpResponse(
        files.lines(rows()),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="suppressed.csv"'},
    )
