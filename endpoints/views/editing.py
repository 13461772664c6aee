"""What may be done to a person: editing, opting out and in again, deleting, erasing for good."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock, keyset
from core.errors import Refusal
from endpoints import editing, people
from endpoints.models import ErasureRequest, OptOut
from endpoints.services import erasing
from endpoints.services import people as services
from endpoints.views.access import endpoint_or_404
from projects.access import project_or_404
from projects.models import Role

_PAGE = 50


@require_POST
def set_opt_out(request: HttpRequest, project_id: str, endpoint_id: int) -> HttpResponse:
    access, endpoint = endpoint_or_404(request, project_id, endpoint_id, at_least=Role.MARKETER)
    opt_out = OptOut.NONE if request.POST.get("opt_out") == OptOut.NONE else OptOut.ALL
    try:
        services.change_opt_out(endpoint=endpoint, actor=access.user, opt_out=opt_out, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("endpoints:show-person", project_id, endpoint_id)


def edit_person(request: HttpRequest, project_id: str, endpoint_id: int) -> HttpResponse:
    access, endpoint = endpoint_or_404(request, project_id, endpoint_id, at_least=Role.MARKETER)
    stored = editing.shown(endpoint)
    context = {"endpoint": endpoint, "edited": stored, "opt_outs": OptOut.choices}
    if request.method == "POST":
        edited = editing.sent(request.POST)
        try:
            document = editing.document(endpoint=endpoint, edited=edited)
            emptied = editing.emptied(edited=edited)
            services.edit_endpoint(endpoint=endpoint, actor=access.user, document=document, emptied=emptied, now=clock.now())
        except Refusal as refusal:
            context |= {"edited": edited, "refusal": refusal.message}
        else:
            return redirect("endpoints:show-person", project_id, endpoint_id)
    return render(request, "endpoints/edit.html", context)


@require_POST
def delete_endpoint(request: HttpRequest, project_id: str, endpoint_id: int) -> HttpResponse:
    access, endpoint = endpoint_or_404(request, project_id, endpoint_id, at_least=Role.MARKETER)
    services.delete_endpoint(endpoint=endpoint, actor=access.user, now=clock.now())
    messages.success(request, _("The endpoint is deleted."))
    return redirect("endpoints:list-people", project_id)


@require_POST
def delete_user(request: HttpRequest, project_id: str, endpoint_id: int) -> HttpResponse:
    """The user of this endpoint, with all endpoints."""
    access, endpoint = endpoint_or_404(request, project_id, endpoint_id, at_least=Role.MARKETER)
    try:
        services.delete_user(endpoint=endpoint, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("endpoints:show-person", project_id, endpoint_id)
    messages.success(request, _("The user is deleted with all endpoints."))
    return redirect("endpoints:list-people", project_id)


def erase_person(request: HttpRequest, project_id: str, endpoint_id: int) -> HttpResponse:
    """Says what goes, and asks for the name of whom it is about."""
    access, endpoint = endpoint_or_404(request, project_id, endpoint_id, at_least=Role.OWNER)
    endpoints = people.endpoints_of_person(endpoint=endpoint)
    expected = endpoint.user.user_id if endpoint.user else endpoint.address or endpoint.endpoint_id
    context = {"endpoint": endpoint, "endpoints": endpoints, "expected": expected}
    if request.method == "POST":
        if request.POST.get("name", "").strip() != expected:
            context["refusal"] = _("Write “%(name)s”, exactly so.") % {"name": expected}
        else:
            try:
                erasing.erase_person(project=access.project, actor=access.user, now=clock.now(), endpoint_pk=endpoint.pk)
            except Refusal as refusal:
                messages.error(request, refusal.message)
            else:
                messages.success(request, _("The endpoints are gone. The rest is being erased."))
            return redirect("endpoints:list-erasures", project_id)
    return render(request, "endpoints/erase.html", context)


def list_erasures(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    before = keyset.position(request.GET.get("before", ""))
    requests = ErasureRequest.objects.filter(project=access.project).select_related("requested_by").order_by("-pk")
    if before is not None:
        requests = requests.filter(pk__lt=before)
    rows = list(requests.defer("person")[: _PAGE + 1])
    context = {"rows": rows[:_PAGE], "next_before": rows[_PAGE - 1].pk if len(rows) > _PAGE else None}
    return render(request, "endpoints/erasures.html", context)
