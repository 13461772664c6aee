"""What the audit trail says of endpoints and people, in words. Who was erased has no name there any more."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from endpoints.models import Endpoint
from projects.models import Project
from projects.ports import Thing

SENTENCES = {
    "endpoint.edited": _("%(who)s edited the endpoint %(what)s: %(fields)s."),
    "endpoint.opted_out": _("%(who)s opted the endpoint %(what)s out."),
    "endpoint.opted_in": _("%(who)s opted the endpoint %(what)s in again."),
    "endpoint.deleted": _("%(who)s deleted the endpoint %(what)s."),
    "user.deleted": _("%(who)s deleted a user with %(endpoints)s endpoints."),
    "person.erasure_requested": _("%(who)s asked to erase a person with %(endpoints)s endpoints for good."),
    "person.erasure_taken_over": _("%(who)s took an erasure from the worker that held it."),
    "person.erased": _("A person with %(endpoints)s endpoints is erased for good, as %(who)s asked."),
    "attributes.removed": _("%(who)s removed these attributes from everybody: %(names)s."),
    "attributes.removal_taken_over": _("%(who)s took the removal of these attributes from the worker that held it: %(names)s."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label != "endpoints.endpoint":
        return {}
    rows = Endpoint.objects.filter(project=project, pk__in=ids).values_list("pk", "address", "endpoint_id")
    return {
        str(pk): Thing(address or name, reverse("endpoints:show-person", args=[project.public_id, pk]))
        for pk, address, name in rows
    }
