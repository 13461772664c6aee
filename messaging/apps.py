from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from projects.models import Project


def _live_requirements(project: Project) -> list[str]:
    from messaging import queries
    from messaging.models import RelayRoute, Sender

    problems = []
    is_verified = Sender.objects.filter(project=project, verified_at__isnull=False).exists()
    if not is_verified and not queries.verified_domains(project=project):
        problems.append(_("Verify a domain, or add a sender and open the link that is mailed to it."))
    if not settings.EMAIL_URL and not RelayRoute.objects.filter(project=project).exists():
        problems.append(_("This installation has no mail server yet: add a relay, or ask an operator to set EMAIL_URL."))
    return problems


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        from endpoints.ports import register_eraser, suppressed_endpoints
        from messaging import audited, suppression
        from messaging.services import erasing
        from projects import ports

        ports.live_requirements.register("messaging", _live_requirements)
        register_eraser("messaging.MailboxMessage", erasing.erase_messages)
        register_eraser("messaging.Suppression", erasing.erase_suppressions)
        register_eraser("messaging.OutcomeNotice", erasing.erase_notices)
        suppressed_endpoints.register("messaging", suppression.suppressed_endpoints)
        ports.audit_sentences.register("messaging", lambda: audited.SENTENCES)
        ports.audit_things.register("messaging", audited.things)
