"""What the audit trail says of senders, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from messaging.models import Sender
from projects.models import Project
from projects.ports import Thing

SENTENCES = {
    "sender.added": _("%(who)s added the sender %(what)s."),
    "sender.verified": _("The sender %(what)s was verified by the mailed link."),
    "sender.deleted": _("%(who)s deleted the sender %(what)s."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label != "messaging.sender":
        return {}
    page = reverse("messaging:list-senders", args=[project.public_id])
    return {
        str(pk): Thing(address, page)
        for pk, address in Sender.objects.filter(project=project, pk__in=ids).values_list("pk", "address")
    }
