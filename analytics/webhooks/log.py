"""A webhook's deliveries, as a page shows them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.db.models import Count, Q

from analytics.event_names import names_of
from analytics.models import Webhook, WebhookDelivery

PAGE = 50


@dataclass(frozen=True, slots=True)
class LogLine:
    delivery: WebhookDelivery
    type: str


@dataclass(frozen=True, slots=True)
class Log:
    """``after``: from which number on the next page goes, 0 for none."""

    lines: list[LogLine]
    after: int


@dataclass(frozen=True, slots=True)
class Totals:
    waiting: int
    failed: int
    oldest_at: datetime.datetime | None  # of those that wait


def log(*, webhook: Webhook, state: str = "", before: int = 0) -> Log:
    """The newest first."""
    rows = WebhookDelivery.objects.filter(webhook=webhook)
    if state in WebhookDelivery.State.values:
        rows = rows.filter(state=state)
    if before:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    names = names_of(project_id=webhook.project_id)
    lines = [LogLine(one, names.get(one.kind, str(one.kind))) for one in found[:PAGE]]
    return Log(lines, found[PAGE - 1].pk if len(found) > PAGE else 0)


def totals(*, webhook: Webhook) -> Totals:
    waiting, failed = Q(state=WebhookDelivery.State.WAITING), Q(state=WebhookDelivery.State.FAILED)
    rows = WebhookDelivery.objects.filter(webhook=webhook)
    counted = rows.aggregate(waiting=Count("pk", filter=waiting), failed=Count("pk", filter=failed))
    oldest = rows.filter(waiting).order_by("pk").values_list("occurred_at", flat=True).first()
    return Totals(counted["waiting"], counted["failed"], oldest)
