from __future__ import annotations

from django.apps import AppConfig


def _segment_users(project_id: int, segment_id: str) -> list[str]:
    from campaigns.models import Campaign, CampaignState

    over = [CampaignState.COMPLETED, CampaignState.DELETED]
    using = Campaign.objects.filter(project_id=project_id, document__SegmentId=segment_id).exclude(state__in=over)
    return list(using.order_by("name").values_list("name", flat=True))


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from campaigns.services import erasing
        from endpoints.ports import register_eraser
        from segments import ports

        ports.segment_users.register("campaigns", _segment_users)
        register_eraser("campaigns.Run", erasing.erase_runs)
