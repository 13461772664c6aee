"""What the audit trail says of queries, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from console.models import SavedQuery
from projects.models import Project
from projects.ports import Thing

SENTENCES = {
    "query.saved": _("%(who)s saved the query %(what)s."),
    "query.deleted": _("%(who)s deleted the query %(name)s."),
    "query.downloaded": _("%(who)s downloaded the result of a query: %(rows)s rows."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label != "console.savedquery":
        return {}
    page = reverse("console:show-sql", args=[project.public_id])
    rows = SavedQuery.objects.filter(project=project, pk__in=ids).values_list("pk", "name")
    return {str(pk): Thing(name, f"{page}?saved={pk}") for pk, name in rows}
