"""What the audit trail says of projects, members and the installation, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from projects.models import Member, Project, PublicKey, User
from projects.ports import Thing

SENTENCES = {
    "project.created": _("%(who)s created the project %(what)s."),
    "project.updated": _("%(who)s changed the settings of the project %(what)s."),
    "project.sending_settings_saved": _("%(who)s changed the sending limits of the project %(what)s."),
    "project.mode_changed": _("%(who)s set the project %(what)s to: %(mode)s."),
    "project.raw_values_allowed": _("%(who)s allowed unescaped values in the messages of the project %(what)s."),
    "project.raw_values_refused": _("%(who)s forbade unescaped values in the messages of the project %(what)s."),
    "project.approval_demanded": _("%(who)s set the project %(what)s so that somebody else approves each campaign."),
    "project.approval_dropped": _("%(who)s set the project %(what)s so that campaigns need no approval."),
    "project.tagged": _("%(who)s changed the tags of the project %(what)s."),
    "project.deleted": _("%(who)s deleted the project %(what)s."),
    "member.invited": _("%(who)s invited %(email)s as: %(role)s."),
    "member.joined": _("%(who)s joined the project as: %(role)s."),
    "member.role_changed": _("%(who)s gave the member %(what)s another role: %(role)s."),
    "member.removed": _("%(who)s removed the member %(what)s."),
    "invitation.withdrawn": _("%(who)s withdrew the invitation of %(email)s."),
    "public_key.made": _("%(who)s made the public key %(what)s."),
    "public_key.changed": _("%(who)s changed the public key %(what)s."),
    "public_key.revoked": _("%(who)s revoked the public key %(what)s."),
    "installation.restored": _("The installation was restored from a backup of %(since)s."),
    "installation.sending_paused": _("%(who)s paused all sending of the installation."),
    "installation.sending_resumed": _("%(who)s resumed the sending of the installation."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label == "projects.project":
        return {project.public_id: Thing(project.name, reverse("projects:edit-project", args=[project.public_id]))}
    if label == "projects.user":
        members = reverse("projects:list-members", args=[project.public_id])
        there = set(Member.objects.filter(project=project, user_id__in=ids).values_list("user_id", flat=True))
        people = User.objects.filter(pk__in=ids)
        return {str(person.pk): Thing(str(person), members if person.pk in there else "") for person in people}
    if label == "projects.publickey":
        rows = PublicKey.objects.filter(project=project, pk__in=ids).values_list("pk", "name")
        return {str(pk): Thing(name, reverse("endpoints:show-web-pages", args=[project.public_id])) for pk, name in rows}
    return {}
