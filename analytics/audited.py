"""What the audit trail says of event streams and webhooks, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from analytics.models import EventStream, Webhook
from projects.models import Project
from projects.ports import Thing

SENTENCES = {
    "event_stream.added": _("%(who)s added the event stream to %(what)s."),
    "event_stream.changed": _("%(who)s changed the event stream to %(what)s."),
    "event_stream.paused": _("%(who)s paused the event stream to %(what)s."),
    "event_stream.resumed": _("%(who)s resumed the event stream to %(what)s."),
    "event_stream.replayed": _("%(who)s had the event stream to %(what)s replayed from %(since)s on."),
    "event_stream.tested": _("%(who)s sent a test record by the event stream to %(what)s."),
    "event_stream.deleted": _("%(who)s deleted the event stream to %(what)s."),
    "webhook.added": _("%(who)s added the webhook %(what)s."),
    "webhook.changed": _("%(who)s changed the webhook %(what)s."),
    "webhook.paused": _("%(who)s paused the webhook %(what)s."),
    "webhook.resumed": _("%(who)s resumed the webhook %(what)s."),
    "webhook.disabled": _("The webhook %(what)s was disabled because it takes nothing any more."),
    "webhook.tested": _("%(who)s sent a test message to the webhook %(what)s."),
    "webhook.resent": _("%(who)s had messages sent to the webhook %(what)s again: %(count)s."),
    "webhook.secret_replaced": _("%(who)s replaced the secret of the webhook %(what)s."),
    "webhook.deleted": _("%(who)s deleted the webhook %(what)s."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label == "analytics.eventstream":
        page = reverse("analytics:show-event-stream", args=[project.public_id])
        kept = EventStream.objects.filter(project=project, pk__in=ids).values_list("pk", "target")
        return {str(pk): Thing(target, page) for pk, target in kept}
    if label == "analytics.webhook":
        hooks = Webhook.objects.filter(project=project, pk__in=ids).values_list("pk", "url")
        return {str(pk): Thing(url, reverse("analytics:show-webhook", args=[project.public_id, pk])) for pk, url in hooks}
    return {}
