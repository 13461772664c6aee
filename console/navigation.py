"""What every page's frame needs: the project of the page, the person's role, the menu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from projects.access import Access


@dataclass(frozen=True, slots=True)
class MenuItem:
    label: str
    url: str
    is_active: bool


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor. ``access`` is set by ``projects.access.project_or_404``."""
    access: Access | None = getattr(request, "access", None)
    if access is None:
        return {"access": None}
    return {"access": access, "menu": SimpleLazyObject(lambda: _menu(access, request.path))}


def _menu(access: Access, path: str) -> list[MenuItem]:
    entries = [
        (_("Overview"), "console:show-overview"),
        (_("People"), "endpoints:list-people"),
        (_("Segments"), "segments:list-segments"),
        (_("Campaigns"), "campaigns:list-campaigns"),
        (_("Calendar"), "campaigns:show-calendar"),
        (_("Statistics"), "console:show-statistics"),
        (_("Dashboards"), "console:list-dashboards"),
        (_("Templates"), "messaging:list-templates"),
        (_("SQL"), "console:show-sql"),
        (_("Senders"), "messaging:list-senders"),
        (_("S3 connections"), "segments:list-connections"),
        (_("Members and roles"), "projects:list-members"),
        (_("Project settings"), "projects:edit-project"),
    ]
    if access.project.is_practice:
        entries.insert(5, (_("Mailbox"), "messaging:list-mailbox"))
    items = []
    for label, name in entries:
        url = reverse(name, args=[access.project.public_id])
        is_active = path == url if name == "console:show-overview" else path.startswith(url)
        if name == "endpoints:list-people":
            is_active = is_active or path.startswith(reverse("messaging:list-suppressions", args=[access.project.public_id]))
        if name == "console:show-sql":
            is_active = is_active or path.startswith(reverse("console:list-transforms", args=[access.project.public_id]))
        items.append(MenuItem(label=label, url=url, is_active=is_active))
    return items
