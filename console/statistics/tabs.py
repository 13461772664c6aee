"""The pages of a project's statistics, in their order."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from projects.models import Project


def statistics_tabs(project: Project) -> list[tuple[str, str, str]]:
    """(name, label, address) of each."""
    pages = [
        ("messages", _("Messages"), "show-statistics"), ("comparison", _("Comparison"), "compare-campaigns"),
        ("deliverability", _("Deliverability"), "show-deliverability"),
        ("usage", _("Usage"), "show-usage"), ("events", _("Events"), "show-events"),
        ("funnel", _("Funnel"), "show-funnel"), ("revenue", _("Revenue"), "show-revenue"),
        ("demographics", _("Demographics"), "show-demographics"), ("report", _("Weekly report"), "show-report"),
    ]  # fmt: skip
    return [(name, label, reverse(f"console:{page}", args=[project.public_id])) for name, label, page in pages]
