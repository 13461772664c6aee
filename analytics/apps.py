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
        post_migrate.connect(_make_partitions, sender=self)  # a fresh installation has its months before its first event
