from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _make_partitions(**_signal: Any) -> None:
    from analytics.services import partitions
    from core import clock

    partitions.ensure_partitions(now=clock.now())


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        from analytics import audited, reach_sets, signing_keys
        from analytics.services import mail_domains
        from core.remembering import forgotten_by
        from projects import ports

        ports.audit_sentences.register("analytics", lambda: audited.SENTENCES)
        ports.audit_things.register("analytics", audited.things)
        for forget in (reach_sets.forget, signing_keys.forget, mail_domains.forget):
            forgotten_by(forget)
        post_migrate.connect(_make_partitions, sender=self)  # a fresh installation has its months before its first event
