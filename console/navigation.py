"""What every page's frame needs: the project of the page, the person's role, the menu."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor. ``access`` is set by ``projects.access.project_or_404``."""
    return {"access": getattr(request, "access", None)}
