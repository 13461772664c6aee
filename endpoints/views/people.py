"""People: browsed, found, and one person's page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core import keyset
from endpoints import people
from endpoints.models import ChannelType, EndpointStatus, OptOut
from endpoints.views.access import endpoint_or_404
from projects.access import project_or_404

_PAGE = 50
_TEXT_LIMIT = 200  # characters of a search


def list_people(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    text = request.GET.get("q", "").replace("\0", "").strip()[:_TEXT_LIMIT]
    only = people.Filter(
        channel=_one_of(request, "channel", ChannelType.values),
        status=_one_of(request, "status", EndpointStatus.values),
        opt_out=_one_of(request, "opt_out", OptOut.values),
    )
    context = {
        "q": text, "only": only, "channels": ChannelType.choices, "statuses": EndpointStatus.choices, "opt_outs": OptOut.choices,
        "next_after": None,
    }  # fmt: skip
    if text:
        found = people.find(project=access.project, text=text, only=only, limit=_PAGE)
        context |= {"lines": found.lines, "is_cut": found.is_cut}
    else:
        after = keyset.position(request.GET.get("after", "")) or 0
        page = people.browse(project=access.project, only=only, after=after, limit=_PAGE)
        context |= {"lines": page.lines, "next_after": page.next_after, "total": page.total}
        context["is_empty"] = not page.lines and only == people.Filter() and not after
    return render(request, "endpoints/people.html", context)


def _one_of(request: HttpRequest, name: str, values: list[str]) -> str:
    value = request.GET.get(name, "")
    return value if value in values else ""


def show_person(request: HttpRequest, project_id: str, endpoint_id: int) -> HttpResponse:
    access, endpoint = endpoint_or_404(request, project_id, endpoint_id)
    endpoints = people.endpoints_of_person(endpoint=endpoint)
    context = {
        "endpoint": endpoint,
        "endpoints": endpoints,
        "sections": people.sections(endpoint=endpoint),
        "opt_outs": people.opt_outs(project=access.project, endpoints=endpoints),
    }
    return render(request, "endpoints/person.html", context)
