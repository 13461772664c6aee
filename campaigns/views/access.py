"""The campaign of a page, or 404."""

from __future__ import annotations

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from campaigns import queries
from campaigns.models import Campaign
from projects.access import Access, project_or_404
from projects.models import Role


def campaign_or_404(
    request: HttpRequest, project_id: str, campaign_id: str, *, at_least: Role = Role.VIEWER
) -> tuple[Access, Campaign]:
    access = project_or_404(request, project_id, at_least=at_least)
    found = queries.campaigns(project=access.project).select_related("project", "created_by")
    return access, get_object_or_404(found, public_id=campaign_id)
