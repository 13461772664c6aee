"""The drag-and-drop editor of an e-mail, and the starting designs."""

from __future__ import annotations

import json
from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from core import clock, keyset
from core.errors import Refusal
from messaging import queries, template_uses
from messaging.message_templates import designs
from messaging.models import MessageTemplateVersion, TemplateType
from messaging.services import images, templates
from messaging.template_forms import DesignForm
from messaging.views.images import as_asset
from messaging.views.mail_policy import mail_policy
from messaging.views.template_access import own_template_or_404
from projects.access import project_or_404

# GrapesJS writes style attributes and elements of its own, also into the frame of its canvas; designs show pictures from anywhere.
_POLICY = {"style-src": ["'self'", "'unsafe-inline'"], "img-src": ["*", "data:"]}


@csp_replace(_POLICY)  # type: ignore[arg-type]  # takes any view
def edit_design(request: HttpRequest, project_id: str, template_id: int) -> HttpResponse:
    """The MJML of the latest version, saved over it or as a new version; the HTML part is made of it."""
    access, template = own_template_or_404(request, project_id, template_id)
    if template.template_type != TemplateType.EMAIL:
        raise Http404
    latest = templates.latest_version(template)
    form = DesignForm(request.POST or None)
    context: dict[str, Any] = {}
    if form.is_valid():
        now, mjml = clock.now(), form.cleaned_data["mjml"]
        over, base = keyset.position(request.POST.get("over", "")), keyset.position(request.POST.get("base", ""))
        document = latest.document | {"Pabal": latest.document.get("Pabal", {}) | {"Mjml": mjml}}
        try:
            saved = templates.update_template(
                template=template, actor=access.user, document=document, now=now,
                create_new_version=request.POST.get("save") != "over", base_revision=over or base,
            )  # fmt: skip
            if "activate" in request.POST:
                templates.activate_version(template=template, actor=access.user, version=saved.version, now=now)
        except templates.TemplateChanged as changed:
            context["collision"] = changed
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("Version %(version)s is saved.") % {"version": saved.version})
            return redirect("messaging:edit-design", project_id, template_id)
    typed = request.POST.get("mjml")
    context |= {
        "template": template, "latest": latest, "form": form, "next_version": template.last_version + 1,
        "base": request.POST.get("base") or template.revision, "mjml": _source(latest) if typed is None else typed,
        "replaces_html": bool(latest.document.get("HtmlPart")) and not latest.document.get("Pabal", {}).get("Mjml"),
        "following": sum(user.version is None for user in template_uses.users_of(template=template)),
        "state": json.dumps({
            "blocks": designs.blocks(), "assets": [as_asset(image) for image in images.visible_images(project=access.project)],
            "variables": [*queries.variable_names(project=access.project), "Address", "User.UserId", "UnsubscribeUrl"],
            "upload": reverse("messaging:add-images", args=[project_id]), "language": designs.language_of_page(),
            "locale": f"{settings.STATIC_URL}vendor/grapesjs-locale/{designs.language_of_page()}.mjs",
            "placeholder": designs.PLACEHOLDER, "words": _words(),
        }, ensure_ascii=False),
    }  # fmt: skip
    return render(request, "messaging/template_design.html", context)


def _source(latest: MessageTemplateVersion) -> str:
    stored = latest.document.get("Pabal", {}).get("Mjml")
    if stored:
        return str(stored)
    empty = designs.design(f"blank.{designs.language_of_page()}")
    return empty.source() if empty else ""


def _words() -> dict[str, str]:
    return {
        "variable": _("Variable"), "blocks": _("Blocks"), "style": _("Style"), "layers": _("Structure"), "settings": _("Settings"),
        "desktop": _("Desktop"), "mobile": _("Phone"), "undo": _("Undo"), "redo": _("Redo"), "outline": _("Outlines"),
        "unreadable": _("This can't be read as MJML."), "unsaved": _("Not saved yet"),
    }  # fmt: skip


@mail_policy
@xframe_options_sameorigin
def show_design(request: HttpRequest, project_id: str, design: str) -> HttpResponse:
    """What a starting design looks like, for the frame in which it is chosen."""
    project_or_404(request, project_id)
    found = designs.design(design)
    if found is None:
        raise Http404
    return HttpResponse(found.html())
