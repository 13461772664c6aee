"""The part of a person's page that names the segments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core import clock, keyset
from endpoints.views.access import endpoint_or_404
from segments import membership


def list_person_segments(request: HttpRequest, project_id: str, endpoint_id: int) -> HttpResponse:
    access, endpoint = endpoint_or_404(request, project_id, endpoint_id)
    offset = min(keyset.position(request.GET.get("from", "")) or 0, 100_000)
    found = membership.memberships(project=access.project, endpoint_pk=endpoint.pk, offset=offset, now=clock.now())
    context = {"endpoint": endpoint, "found": found, "is_first": not offset}
    return render(request, "segments/_person_segments.html", context)
