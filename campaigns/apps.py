from __future__ import annotations

from django.apps import AppConfig


def _segment_users(project_id: int, segment_id: str) -> list[str]:
    from campaigns.models import Campaign, CampaignState

    over = [CampaignState.COMPLETED, CampaignState.DELETED]
    using = Campaign.objects.filter(project_id=project_id, document__SegmentId=segment_id).exclude(state__in=over)
    return list(using.order_by("name").values_list("name", flat=True))


def _campaign_ids(project_id: int, public_ids: list[str]) -> dict[str, int]:
    from campaigns.models import Campaign

    return dict(Campaign.objects.filter(project_id=project_id, public_id__in=public_ids).values_list("public_id", "pk"))


def _campaign_choices(project_id: int) -> list[tuple[str, str]]:
    from campaigns.models import Campaign, CampaignState

    launched = Campaign.objects.filter(project_id=project_id, launched_at__isnull=False).exclude(state=CampaignState.DELETED)
    return list(launched.order_by("-launched_at", "-pk").values_list("public_id", "name")[:500])


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from campaigns.services import erasing
        from endpoints.ports import register_eraser
        from segments import ports

        ports.segment_users.register("campaigns", _segment_users)
        ports.campaign_ids.register("campaigns", _campaign_ids)
        ports.campaign_choices.register("campaigns", _campaign_choices)
        register_eraser("campaigns.Run", erasing.erase_runs)
