from __future__ import annotations

import datetime
from typing import Any

from campaigns.models import Campaign, CampaignVersion, Run, RunState
from core.audience import Audience
from projects.models import Project
from segments.models import Segment, SegmentType, SegmentVersion

HTML = (
    "<html><body><p>{{User.UserAttributes.MBR_FULLNM}}님</p><a href='https://shop.example.com/sale'>보기</a>"
    "<a href='{{UnsubscribeUrl}}'>수신 거부</a></body></html>"
)


def make_import_segment(*, project: Project, members: Audience, name: str = "가져온 회원") -> Segment:
    segment = Segment.objects.create(project=project, name=name, segment_type=SegmentType.IMPORT)
    SegmentVersion.objects.create(segment=segment, version=1, members=members, import_definition={"Size": len(members)})
    return segment


def campaign_document(*, segment: Segment, schedule: dict[str, Any] | None = None, **pabal: Any) -> dict[str, Any]:
    return {
        "SegmentId": segment.public_id,
        "MessageConfiguration": {
            "EmailMessage": {"FromAddress": "상점 <shop@example.com>", "Title": "(광고) 소식", "HtmlBody": HTML, "Body": ""}
        },
        "Schedule": schedule or {"StartTime": "IMMEDIATE", "Frequency": "ONCE", "Timezone": "UTC+09"},
        "Pabal": {"Channel": "EMAIL", "Kind": "STANDARD", "TimeZone": "Asia/Seoul"} | pabal,
    }


def make_campaign(*, project: Project, document: dict[str, Any], **fields: Any) -> Campaign:
    campaign = Campaign.objects.create(project=project, **{"name": "가을 세일", "document": document, **fields})
    CampaignVersion.objects.create(campaign=campaign, version=campaign.version, name=campaign.name, document=document)
    return campaign


def make_run(*, campaign: Campaign, at: datetime.datetime, **fields: Any) -> Run:
    """A run that is over."""
    given = {"state": RunState.COMPLETED, "occurrence_at": at, "due_at": at, "campaign_version": campaign.version}
    return Run.objects.create(project=campaign.project, campaign=campaign, **(given | fields))
