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


def whole_number(text: str) -> int | None:
    """A version in a form or an address; None for anything that is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def base_version(request: HttpRequest) -> int | None:
    """The version that a save is made from: the page's own, or the one that somebody was told of and chose to save over."""
    return whole_number(request.POST.get("over", "")) or whole_number(request.POST.get("base", ""))
