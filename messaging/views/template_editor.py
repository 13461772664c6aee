"""Editing a template: forms for each type, and the preview of what is saved."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock, keyset
from core.errors import Refusal
from endpoints.models import Endpoint
from endpoints.queries import EndpointRow, endpoint_rows
from messaging import inspection, queries, template_uses
from messaging.forms import editor_context
from messaging.message_templates import documents
from messaging.message_templates.refusals import DocumentRefused
from messaging.models import MessageTemplate, MessageTemplateVersion, TemplateType
from messaging.rendering import MessageContent, Rendered, TemplateError, compile_content, find_warnings
from messaging.rendering import render as render_message
from messaging.services import templates
from messaging.template_forms import FORMS, field_of
from messaging.views.mail_policy import mail_policy
from messaging.views.template_access import own_template_or_404, template_or_404
from projects.access import Access, project_or_404
from projects.models import Role
from segments import queries as segment_queries


def edit_template(request: HttpRequest, project_id: str, template_id: int) -> HttpResponse:
    """The latest version in its type's form. Saved over, or as a new version; made the active one if that is ticked."""
    access, template = own_template_or_404(request, project_id, template_id)
    latest = templates.latest_version(template)
    form_class = FORMS[template.template_type]
    initial = form_class.initial_of(latest.document)
    form = form_class(request.POST or None, initial=initial)
    context: dict[str, Any] = {}
    if form.is_valid():
        try:
            saved = _save(request, access, template, latest, form.document(latest.document))
        except templates.TemplateChanged as changed:
            context["collision"] = changed
        except (DocumentRefused, TemplateError) as refusal:
            form.add_error(_field(form, refusal.part), refusal.message)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("Version %(version)s is saved.") % {"version": saved.version})
            return redirect("messaging:edit-template", project_id, template_id)
    context |= {
        "template": template, "latest": latest, "form": form, "next_version": template.last_version + 1,
        "base": request.POST.get("base") or template.revision, "has_design": bool(latest.document.get("Pabal", {}).get("Mjml")),
        **editor_context(names=queries.variable_names(project=access.project)), "warnings": _warnings(access, template, latest),
        "following": sum(user.version is None for user in template_uses.users_of(template=template)),
    }  # fmt: skip
    context["is_empty"] = not latest.document.get("HtmlPart")
    context["is_sms"] = template.template_type == TemplateType.SMS
    context["words"] = json.dumps({"parts": _("% messages"), "variables": _("variables may make it longer")})
    return render(request, f"messaging/template_edit_{template.template_type.lower()}.html", context)


def _field(form: Any, part: str) -> str | None:
    name = field_of(part)
    return name if name in form.fields else None


def _save(
    request: HttpRequest, access: Access, template: MessageTemplate, latest: MessageTemplateVersion, document: dict[str, Any]
) -> MessageTemplateVersion:
    if "to_html" in request.POST:
        document["Pabal"] = {name: value for name, value in document.get("Pabal", {}).items() if name != "Mjml"}
        document["HtmlPart"] = latest.document.get("HtmlPart", "")
    now = clock.now()
    over, base = keyset.position(request.POST.get("over", "")), keyset.position(request.POST.get("base", ""))
    saved = templates.update_template(
        template=template, actor=access.user, document=document, now=now,
        create_new_version=request.POST.get("save") != "over", base_revision=over or base,
    )  # fmt: skip
    if "activate" in request.POST:
        templates.activate_version(template=template, actor=access.user, version=saved.version, now=now)
    return saved


def _warnings(access: Access, template: MessageTemplate, latest: MessageTemplateVersion) -> list[str]:
    if template.template_type != TemplateType.EMAIL or not (latest.document.get("HtmlPart") or latest.document.get("TextPart")):
        return []
    try:
        program = compile_content(documents.email_content(latest.document), allow_unescaped=_allows(template))
    except Refusal as refusal:
        return [refusal.message]
    known = queries.variable_names(project=access.project)
    found = [*find_warnings(program=program, known_names=known), *inspection.find_remarks(program=program)]
    return [warning.message for warning in found]


@require_POST
def check_template(request: HttpRequest, project_id: str) -> JsonResponse:
    """What is wrong with the HTML as it is typed: ``{"errors": [{"row", "column", "text"}]}``, counted from 0."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    content = MessageContent(from_address="", subject="", html=request.POST.get("html", ""))
    errors = []
    try:
        compile_content(content, allow_unescaped=access.project.allows_raw_values)
    except TemplateError as error:
        errors.append({"row": error.line - 1, "column": error.column - 1, "text": error.message})
    return JsonResponse({"errors": errors})


def preview_template(request: HttpRequest, project_id: str, template_id: int) -> HttpResponse:
    """What is saved, with a member's values: of an e-mail around a sandboxed frame, of other types the texts."""
    access, template = template_or_404(request, project_id, template_id)
    document = _document(request, template)
    member, search = _member(request, access, template), request.GET.get("member", "").strip()
    is_unknown = bool(search) and not segment_queries.find_endpoint(project_id=access.project.pk, text=search.lower())
    context: dict[str, Any] = {"template": template, "member": member, "search": search, "is_unknown": is_unknown}
    context |= {"version": request.GET.get("version", "")[:9], "contents": document.get("Content")}
    values = member.document if member else {}
    try:
        if template.template_type == TemplateType.EMAIL:
            context["rendered"] = _rendered(template, document, values)
            context["inbox"] = inspection.inbox(rendered=context["rendered"], sender="")
        else:
            context["texts"] = [
                (part, _text(document, text, values)) for part, text in documents.texts_of(template.template_type, document)
            ]
    except Refusal as refusal:
        context["refusal"] = refusal.message
    return render(request, "messaging/_template_preview.html", context)


@mail_policy
def preview_template_html(request: HttpRequest, project_id: str, template_id: int) -> HttpResponse:
    """What the frame of an e-mail's preview shows."""
    access, template = template_or_404(request, project_id, template_id)
    member = _member(request, access, template)
    try:
        page = _rendered(template, _document(request, template), member.document if member else {}).html
    except Refusal as refusal:
        page = escape(refusal.message)
    return HttpResponse('<base target="_blank">' + page)


def _document(request: HttpRequest, template: MessageTemplate) -> dict[str, Any]:
    """Of the version that is asked for (``?version=``), else of the latest."""
    wanted = request.GET.get("version", "")
    try:
        version = templates.version_of(template, wanted) if wanted else templates.latest_version(template)
    except templates.NoSuchVersion:
        version = templates.latest_version(template)
    return dict(version.document)


def _allows(template: MessageTemplate) -> bool:
    return template.project is not None and template.project.allows_raw_values


def _rendered(template: MessageTemplate, document: dict[str, Any], values: dict[str, Any]) -> Rendered:
    return render_message(compile_content(documents.email_content(document), allow_unescaped=_allows(template)), document=values)


def _text(document: dict[str, Any], text: str, values: dict[str, Any]) -> str:
    return render_message(compile_content(documents.text_content(document, text)), document=values).text


def _member(request: HttpRequest, access: Access, template: MessageTemplate) -> EndpointRow | None:
    """A real member for the preview: the one that is searched for, else the next after ``?after=`` of the project."""
    found = Endpoint.objects.filter(project=access.project).order_by("pk")
    if template.template_type in (TemplateType.EMAIL, TemplateType.SMS, TemplateType.VOICE):
        found = found.filter(channel_type=template.template_type)
    after = keyset.position(request.GET.get("after", "")) or 0
    ids = list(found.filter(pk__gt=after).values_list("pk", flat=True)[:1]) or list(found.values_list("pk", flat=True)[:1])
    search = request.GET.get("member", "").strip().lower()
    if search:
        ids = segment_queries.find_endpoint(project_id=access.project.pk, text=search) or ids
    rows = endpoint_rows(project_id=access.project.pk, ids=ids)
    return rows[0] if rows else None
