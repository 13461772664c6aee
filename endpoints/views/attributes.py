"""The project's attribute names, and removing some from everybody."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refusal
from endpoints import people
from endpoints.forms import RemoveAttributesForm
from endpoints.models import AttributeKind, AttributeRemoval
from endpoints.services import removing_attributes
from projects.access import Access, project_or_404
from projects.models import Role

_SHOWN = 20  # removals


def list_attributes(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    return _page(request, access, RemoveAttributesForm())


def count_attribute(request: HttpRequest, project_id: str) -> HttpResponse:
    """How many carry ``?kind=&name=``: a number alone, asked for when its line comes into sight."""
    access = project_or_404(request, project_id)
    name = request.GET.get("name", "").replace("\0", "")[:50]
    total = people.endpoints_with(project=access.project, kind=request.GET.get("kind", ""), name=name)
    return render(request, "endpoints/_attribute_count.html", {"total": total})


def _page(request: HttpRequest, access: Access, form: RemoveAttributesForm) -> HttpResponse:
    names = people.attribute_names(project=access.project)
    removals = AttributeRemoval.objects.filter(project=access.project).select_related("requested_by").order_by("-pk")
    context: dict[str, Any] = {
        "names": names,
        "limit": settings.ATTRIBUTE_NAMES_LIMIT,
        "form": form,
        "removals": removals[:_SHOWN],
    }
    return render(request, "endpoints/attributes.html", context)


@require_POST
def remove_attributes(request: HttpRequest, project_id: str) -> HttpResponse:
    """First says which names fit; with ``confirmed`` it is done."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = RemoveAttributesForm(request.POST)
    if not form.is_valid():
        return _page(request, access, form)
    kind, patterns = AttributeKind(form.cleaned_data["kind"]), form.cleaned_data["patterns"]
    if request.POST.get("confirmed") != "1":
        names = removing_attributes.fitting_names(project=access.project, kind=kind, patterns=patterns)
        if not names:
            form.add_error(
                "patterns", _("No attribute has such a name. Choose one of the list, or a beginning with * behind it.")
            )
            return _page(request, access, form)
        return render(request, "endpoints/remove_attributes.html", {"form": form, "names": names, "kind": kind})
    try:
        removing_attributes.remove_attributes(
            project=access.project, actor=access.user, kind=kind, patterns=patterns, now=clock.now()
        )
    except Refusal as refusal:
        form.add_error("patterns", refusal.message)
        return _page(request, access, form)
    return redirect("endpoints:list-attributes", project_id)
