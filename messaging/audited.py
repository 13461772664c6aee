"""What the audit trail says of senders, their domains and relays, and of templates, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from messaging import template_uses
from messaging.models import Relay, Sender, SenderDomain
from projects.models import Project
from projects.ports import Thing

SENTENCES = {
    "sender.added": _("%(who)s added the sender %(what)s."),
    "sender.verified": _("The sender %(what)s was verified by the mailed link."),
    "sender.deleted": _("%(who)s deleted the sender %(what)s."),
    "domain.added": _("%(who)s added the domain %(what)s."),
    "domain.deleted": _("%(who)s deleted the domain %(what)s."),
    "domain.verified": _("The domain %(what)s was verified in DNS."),
    "domain.broken": _("DNS no longer has a key of the domain %(what)s."),
    "domain.mended": _("DNS has a key of the domain %(what)s again."),
    "domain.key_added": _("%(who)s made another key for the domain %(what)s: %(selector)s."),
    "relay.added": _("%(who)s added the relay %(what)s (%(place)s)."),
    "relay.changed": _("%(who)s changed the relay %(what)s (%(place)s)."),
    "relay.tested": _("%(who)s tried the relay %(what)s (%(place)s)."),
    "relay.deleted": _("%(who)s deleted the relay %(what)s (%(place)s)."),
    "relay.topic_confirmed": _("Amazon SNS tells outcomes of the relay %(what)s from the topic %(topic)s."),
    "relay.topic_forgotten": _("%(who)s had the relay %(what)s forget its SNS topic."),
    "relay.address_replaced": _("%(who)s replaced the address at which the relay %(what)s tells outcomes."),
    "mailbox.saved": _("%(who)s saved the bounce mailbox %(what)s."),
    "mailbox.deleted": _("%(who)s deleted the bounce mailbox %(what)s."),
    "suppression.added": _("%(who)s put addresses on the suppression list: %(count)s."),
    "suppression.released": _("%(who)s released addresses from the suppression list: %(count)s."),
    "suppression.rules_saved": _("%(who)s changed what goes onto the suppression list by itself."),
    "domain.key_removed": _("%(who)s removed a key of the domain %(what)s: %(selector)s."),
    "channel.saved": _("%(who)s set the channel %(name)s by the API."),
    "channel.deleted": _("%(who)s deleted what the API had set of the channel %(name)s."),
    "template.created": _("%(who)s created the template %(what)s."),
    "template.saved": _("%(who)s saved version %(version)s of the template %(what)s."),
    "template.activated": _("%(who)s made version %(version)s of the template %(what)s the active one."),
    "template.restored": _("%(who)s restored version %(of)s of the template %(what)s as version %(version)s."),
    "image.added": _("%(who)s added the picture %(what)s."),
    "image.deleted": _("%(who)s deleted the picture %(what)s."),
    "template.tagged": _("%(who)s changed the tags of the template %(what)s."),
    "template.version_deleted": _("%(who)s deleted version %(version)s of the template %(what)s."),
    "template.deleted": _("%(who)s deleted the template %(what)s with all its versions."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label == "messaging.senderdomain":
        found = SenderDomain.objects.filter(project=project, pk__in=ids).values_list("pk", "name")
        return {str(pk): Thing(name, reverse("messaging:show-domain", args=[project.public_id, pk])) for pk, name in found}
    if label == "messaging.relay":
        kept = Relay.objects.filter(project=project, pk__in=ids).values_list("pk", "name")
        return {str(pk): Thing(name, reverse("messaging:edit-relay", args=[project.public_id, pk])) for pk, name in kept}
    if label == "messaging.messagetemplate":
        return {
            str(pk): Thing(name, reverse("messaging:show-template", args=[project.public_id, pk]))
            for pk, name in template_uses.visible(project=project).filter(pk__in=ids).values_list("pk", "name")
        }
    if label != "messaging.sender":
        return {}
    page = reverse("messaging:list-senders", args=[project.public_id])
    return {
        str(pk): Thing(address, page)
        for pk, address in Sender.objects.filter(project=project, pk__in=ids).values_list("pk", "address")
    }
