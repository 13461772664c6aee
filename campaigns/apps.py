from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from messaging.ports import SentRun


def _campaign_ids(project_id: int, public_ids: list[str]) -> dict[str, int]:
    from campaigns.models import Campaign

    return dict(Campaign.objects.filter(project_id=project_id, public_id__in=public_ids).values_list("public_id", "pk"))


def _campaign_names(project_id: int, public_ids: Collection[str]) -> dict[str, str]:
    from campaigns.models import Campaign

    return dict(Campaign.objects.filter(project_id=project_id, public_id__in=public_ids).values_list("public_id", "name"))


def _campaign_choices(project_id: int) -> list[tuple[str, str]]:
    from campaigns.models import Campaign, CampaignState

    launched = Campaign.objects.filter(project_id=project_id, launched_at__isnull=False).exclude(state=CampaignState.DELETED)
    return list(launched.order_by("-launched_at", "-pk").values_list("public_id", "name")[:500])


def _sent_runs(ids: Collection[int], public_ids: Collection[str]) -> list[SentRun]:
    from django.db.models import Q

    from analytics.models import SourceKind
    from campaigns.models import Run
    from messaging.ports import SentRun

    found = Run.objects.filter(Q(pk__in=ids) | Q(public_id__in=public_ids))
    return [
        SentRun(pk, public_id, project_id, SourceKind.CAMPAIGN, campaign_id, treatment)
        for pk, public_id, project_id, campaign_id, treatment in found.values_list(
            "pk", "public_id", "project_id", "campaign_id", "treatment"
        )
    ]


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from analytics import ports as analytics_ports
        from campaigns import audited, execution_metrics, queries, template_use, told
        from campaigns.clicks import messages
        from campaigns.services import erasing, events, segment_use
        from endpoints.ports import register_eraser
        from messaging import ports as messaging_ports
        from projects import ports as project_ports
        from segments import ports

        ports.segment_users.register("campaigns", queries.segment_users)
        ports.end_segment_users.register("campaigns", segment_use.end_with_segment)
        ports.campaign_ids.register("campaigns", _campaign_ids)
        ports.campaign_choices.register("campaigns", _campaign_choices)
        ports.campaign_names.register("campaigns", _campaign_names)
        ports.campaign_links.register("campaigns", messages.campaign_links)
        analytics_ports.run_facts.register("campaigns", told.run_facts)
        analytics_ports.run_sources.register("campaigns", told.run_sources)
        analytics_ports.events_written.register("campaigns", events.note_events)
        analytics_ports.public_ids.register("campaigns", told.public_ids)
        analytics_ports.metric_documents.register("campaigns", execution_metrics.document)
        messaging_ports.sent_runs.register("campaigns", _sent_runs)
        messaging_ports.template_users.register("campaigns", template_use.template_users)
        register_eraser("campaigns.Run", erasing.erase_runs)
        register_eraser("campaigns.DailyUse", erasing.erase_daily_uses)
        register_eraser("campaigns.EventTrigger", erasing.erase_event_triggers)
        register_eraser("campaigns.TotalUse", erasing.erase_total_uses)
        project_ports.audit_sentences.register("campaigns", lambda: audited.SENTENCES)
        project_ports.audit_things.register("campaigns", audited.things)
