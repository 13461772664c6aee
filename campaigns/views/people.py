"""The part of a person's page that says what happened."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from campaigns import history
from endpoints import people
from endpoints.views.access import endpoint_or_404


def list_history(request: HttpRequest, project_id: str, endpoint_id: int) -> HttpResponse:
    access, endpoint = endpoint_or_404(request, project_id, endpoint_id)
    addresses = {one.pk: one.address or one.endpoint_id for one in people.endpoints_of_person(endpoint=endpoint)}
    before = request.GET.get("before", "")[:80]
    found = history.history(project=access.project, endpoints=addresses, before=before)
    context = {"endpoint": endpoint, "history": found, "is_first": not before}
    return render(request, "campaigns/_history.html", context)
