"""The endpoint of a page, or 404."""

from __future__ import annotations

from django.http import Http404, HttpRequest

from endpoints import people
from endpoints.models import Endpoint
from projects.access import Access, project_or_404
from projects.models import Role


def endpoint_or_404(
    request: HttpRequest, project_id: str, endpoint_id: int, *, at_least: Role = Role.VIEWER
) -> tuple[Access, Endpoint]:
    access = project_or_404(request, project_id, at_least=at_least)
    try:
        return access, people.endpoint(project=access.project, pk=endpoint_id)
    except Endpoint.DoesNotExist:
        raise Http404 from None
