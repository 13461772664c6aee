"""What the audit trail says of access keys, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from api.models import AccessKey
from projects.models import Project
from projects.ports import Thing

SENTENCES = {
    "access_key.created": _("%(who)s made the access key %(what)s."),
    "access_key.revoked": _("%(who)s revoked the access key %(what)s."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label != "api.accesskey":
        return {}
    page = reverse("api:list-access-keys", args=[project.public_id])
    kept = AccessKey.objects.filter(project=project, pk__in=ids).values_list("pk", "name")
    return {str(pk): Thing(name, page) for pk, name in kept}
