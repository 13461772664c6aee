"""What the audit trail says of transforms, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from analytics.models import LakeTransform
from projects.models import Project
from projects.ports import Thing

SENTENCES = {
    "transform.created": _("%(who)s made the transform %(what)s."),
    "transform.changed": _("%(who)s changed the transform %(what)s."),
    "transform.paused": _("%(who)s paused the transform %(what)s."),
    "transform.resumed": _("%(who)s resumed the transform %(what)s."),
    "transform.run": _("%(who)s had the transform %(what)s run."),
    "transform.backfilled": _("%(who)s had the transform %(what)s ask about everything since %(since)s."),
    "transform.deleted": _("%(who)s deleted the transform %(name)s and its table."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label != "analytics.laketransform":
        return {}
    rows = LakeTransform.objects.filter(project=project, pk__in=ids).values_list("pk", "name")
    return {str(pk): Thing(name, reverse("console:show-transform", args=[project.public_id, pk])) for pk, name in rows}
