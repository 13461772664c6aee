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
        from analytics import audited
        from projects import ports

        ports.audit_sentences.register("analytics", lambda: audited.SENTENCES)
        ports.audit_things.register("analytics", audited.things)
        post_migrate.connect(_make_partitions, sender=self)  # a fresh installation has its months before its first event
