"""Message templates: the list, a template's page with its versions, and what is done with them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock, keyset
from core.errors import Refusal
from messaging import template_uses
from messaging.message_templates import designs, differences
from messaging.models import MessageTemplate, TemplateType
from messaging.ports import TemplateUser
from messaging.services import templates
from messaging.template_forms import CopyForm, NewTemplateForm
from messaging.views.template_access import may_change, own_template_or_404, template_or_404
from projects.access import Access, project_or_404
from projects.models import Role

_PAGE = 50
_VERSIONS = 100  # newest, on a template's page


def list_templates(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    search, before = request.GET.get("q", "").strip(), keyset.position(request.GET.get("before", ""))
    kind = request.GET.get("type", "")
    found = template_uses.visible(project=access.project).order_by("-pk")
    if search:
        found = found.filter(name__icontains=search)
    if kind in TemplateType.values:
        found = found.filter(template_type=kind)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: _PAGE + 1])
    uses = template_uses.users(templates=rows[:_PAGE])
    context = {
        "lines": [{"template": one, "uses": len(uses.get(one.pk, []))} for one in rows[:_PAGE]],
        "search": search, "kind": kind, "types": TemplateType.choices, "is_filtered": bool(search or kind),
        "last": rows[_PAGE - 1].pk if len(rows) > _PAGE else None,
    }  # fmt: skip
    return render(request, "messaging/template_list.html", context)


def create_template(request: HttpRequest, project_id: str) -> HttpResponse:
    """A name and a type; the editor comes next."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = NewTemplateForm(request.POST or None, may_share=access.user.is_superuser)
    if form.is_valid():
        values = form.cleaned_data
        start = values["start"] if values["template_type"] == TemplateType.EMAIL else None
        try:
            template = templates.create_template(
                project=None if values.get("is_shared") else access.project, actor=access.user,
                template_type=values["template_type"], name=values["name"], document=start.document() if start else {}, now=clock.now(),
            )  # fmt: skip
        except Refusal as refusal:
            form.add_error("name", refusal.message)
        else:
            return redirect("messaging:edit-design" if start else "messaging:edit-template", project_id, template.pk)
    wanted = request.GET.get("language", "")
    language = wanted if wanted in designs.LANGUAGES else designs.language_of_page()
    context = {
        "form": form, "designs": designs.designs(language=language), "blank": designs.design(f"blank.{language}"),
        "language": language, "chosen": request.POST.get("start", f"blank.{language}"),
    }  # fmt: skip
    return render(request, "messaging/template_create.html", context)


def show_template(request: HttpRequest, project_id: str, template_id: int) -> HttpResponse:
    access, template = template_or_404(request, project_id, template_id)
    versions = list(template.versions.select_related("created_by").defer("document").order_by("-version")[: _VERSIONS + 1])
    uses = template_uses.users_of(template=template)
    context: dict[str, Any] = {
        "template": template, "versions": versions[:_VERSIONS], "has_more": len(versions) > _VERSIONS,
        "latest": versions[0].version, "may_change": may_change(access, template),
        "copy_form": CopyForm(initial={"name": f"{template.name[:120]}-copy"}), **_seen(access, uses),
    }  # fmt: skip
    return render(request, "messaging/template_show.html", context)


def _seen(access: Access, uses: list[TemplateUser]) -> dict[str, Any]:
    """What uses it, by name in this project; of others only how many."""
    own = [user for user in uses if user.project_id == access.project.pk]
    return {"uses": own, "elsewhere": len(uses) - len(own)}


def compare_versions(request: HttpRequest, project_id: str, template_id: int) -> HttpResponse:
    """What changed from one version to another (``?from=&to=``): by default the last two."""
    _access, template = template_or_404(request, project_id, template_id)
    numbers = list(template.versions.order_by("-version").values_list("version", flat=True)[:_VERSIONS])
    newer = _chosen(request.GET.get("to", ""), numbers, numbers[0])
    older = _chosen(request.GET.get("from", ""), numbers, next((one for one in numbers if one < newer), newer))
    documents = dict(template.versions.filter(version__in=[older, newer]).values_list("version", "document"))
    found = differences.differences(documents[older], documents[newer])
    context = {"template": template, "numbers": numbers, "older": older, "newer": newer, "differences": found}
    return render(request, "messaging/template_compare.html", context)


def _chosen(text: str, numbers: list[int], otherwise: int) -> int:
    return next((one for one in numbers if str(one) == text), otherwise)


@require_POST
def activate_version(request: HttpRequest, project_id: str, template_id: int, version: int) -> HttpResponse:
    access, template = own_template_or_404(request, project_id, template_id)
    try:
        templates.activate_version(template=template, actor=access.user, version=version, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Version %(version)s is the active one.") % {"version": version})
    return redirect("messaging:show-template", project_id, template_id)


@require_POST
def restore_version(request: HttpRequest, project_id: str, template_id: int, version: int) -> HttpResponse:
    access, template = own_template_or_404(request, project_id, template_id)
    try:
        made = templates.restore_version(template=template, actor=access.user, version=version, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        given = {"old": version, "new": made.version}
        messages.success(request, _("Version %(new)s says what version %(old)s said. Make it the active one to send it.") % given)
    return redirect("messaging:show-template", project_id, template_id)


@require_POST
def copy_template(request: HttpRequest, project_id: str, template_id: int) -> HttpResponse:
    """Also how a project gets its own of one that belongs to all."""
    access, template = template_or_404(request, project_id, template_id)
    project_or_404(request, project_id, at_least=Role.MARKETER)
    form = CopyForm(request.POST)
    if form.is_valid():
        try:
            copied = templates.copy_template(
                template=template, project=access.project, actor=access.user, name=form.cleaned_data["name"], now=clock.now()
            )
        except Refusal as refusal:
            messages.error(request, refusal.message)
        else:
            return redirect("messaging:show-template", project_id, copied.pk)
    else:
        messages.error(request, _("Give the copy a name."))
    return redirect("messaging:show-template", project_id, template_id)


def delete_template(request: HttpRequest, project_id: str, template_id: int) -> HttpResponse:
    access, template = own_template_or_404(request, project_id, template_id)
    if request.method == "POST":
        try:
            templates.delete_template(template=template, actor=access.user, now=clock.now())
        except Refusal as refusal:
            messages.error(request, _named(access, refusal, template))
        else:
            messages.success(request, _("The template “%(name)s” is deleted.") % {"name": template.name})
            return redirect("messaging:list-templates", project_id)
    uses = template_uses.users_of(template=template)
    context = {"template": template, "versions": template.versions.count(), "is_used": bool(uses), **_seen(access, uses)}
    return render(request, "messaging/template_delete.html", context)


def _named(access: Access, refusal: Refusal, template: MessageTemplate) -> str:
    """The refusal; campaigns of other projects are not named."""
    if isinstance(refusal, templates.TemplateInUse) and any(user.project_id != access.project.pk for user in refusal.users):
        return _("“%(name)s” is used by campaigns that are not finished.") % {"name": template.name}
    return refusal.message
