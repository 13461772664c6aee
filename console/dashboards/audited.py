"""What the audit trail says of dashboards, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from console.models import Dashboard
from projects.models import Project
from projects.ports import Thing

SENTENCES = {
    "dashboard.created": _("%(who)s made the dashboard %(what)s."),
    "dashboard.changed": _("%(who)s changed the dashboard %(what)s."),
    "dashboard.deleted": _("%(who)s deleted the dashboard %(name)s."),
    "dashboard.pinned": _("%(who)s pinned the query %(query)s to the dashboard %(what)s."),
    "dashboard.unpinned": _("%(who)s took the query %(query)s off the dashboard %(what)s."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label != "console.dashboard":
        return {}
    rows = Dashboard.objects.filter(project=project, pk__in=ids).values_list("pk", "name")
    return {str(pk): Thing(name, reverse("console:show-dashboard", args=[project.public_id, pk])) for pk, name in rows}
