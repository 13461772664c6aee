"""What the service's documents say of values beyond the model, which has no limits (reference, sections 6.3, 11 and 12)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from api.protocol.errors import Invalid

Check = Callable[[Any], None]
BODY_BYTES = 7_000_000
_TAG = re.compile(r"[\w\s.:/=+@-]*\Z")


def _text(most: int, *, least: int = 0, pattern: str = "", form: str = "") -> Check:
    compiled = re.compile(rf"(?:{pattern})\Z") if pattern else None

    def check(value: str) -> None:
        if len(value) > most:
            raise Invalid(f"it has {len(value):,} characters; {most:,} are possible")
        if len(value) < least:
            raise Invalid("it must not be empty")
        if compiled is not None and not compiled.match(value):
            raise Invalid(f"it must be {form}")

    return check


def _number(least: float, most: float) -> Check:
    def check(value: float) -> None:
        if not least <= value <= most:
            raise Invalid(f"it must be from {least:,} to {most:,}")

    return check


def _count(most: int, *, least: int = 0, what: str = "members") -> Check:
    def check(value: Any) -> None:
        if len(value) > most:
            raise Invalid(f"it has {len(value):,} {what}; {most:,} are possible")
        if len(value) < least:
            raise Invalid(f"it needs at least {least} of its {what}")

    return check


def check_tags(value: dict[str, str]) -> None:
    """Up to 50 tags of letters, digits, space and ``_ . : / = + - @``; those that begin with ``aws:`` are AWS's own."""
    if len(value) > 50:
        raise Invalid(f"there are {len(value):,} tags; 50 are possible")
    for key, text in value.items():
        if not 1 <= len(key) <= 128 or not _TAG.match(key):
            raise Invalid(f"the key {key[:40]!r} is not one of 1 to 128 letters, digits, spaces and _.:/=+-@")
        if key.lower().startswith("aws:"):
            raise Invalid("keys that begin with aws: are reserved")
        if len(text) > 256 or not _TAG.match(text):
            raise Invalid(f"the value of {key[:40]!r} is not one of at most 256 letters, digits, spaces and _.:/=+-@")


_CLOCK = _text(5, pattern=r"([01]\d|2[0-3]):[0-5]\d|", form="a time such as 21:00")
_NAME = _text(128)
_ARN = _text(2_048)
LIMITS: dict[str, Check] = {
    "CreateApplicationRequest.Name": _text(64, least=1),
    "WriteSegmentRequest.Name": _NAME,
    "WriteCampaignRequest.Name": _NAME,
    "WriteCampaignRequest.HoldoutPercent": _number(0, 100),
    "WriteCampaignRequest.Priority": _number(1, 5),
    "WriteCampaignRequest.AdditionalTreatments": _count(4, what="treatments"),
    "WriteTreatmentResource.SizePercent": _number(0, 100),
    "CampaignCustomMessage.Data": _text(5_000),
    "CampaignLimits.Daily": _number(0, 100),
    "CampaignLimits.Total": _number(0, 100),
    "CampaignLimits.MaximumDuration": _number(60, 31_536_000),
    "CampaignLimits.MessagesPerSecond": _number(1, 20_000),
    "ApplicationSettingsJourneyLimits.DailyCap": _number(0, 100),
    "ApplicationSettingsJourneyLimits.TotalCap": _number(0, 100),
    "JourneyTimeframeCap.Cap": _number(0, 100),
    "JourneyTimeframeCap.Days": _number(0, 30),
    "QuietTime.Start": _CLOCK,
    "QuietTime.End": _CLOCK,
    "SegmentGroupList.Groups": _count(5, what="groups"),
    "SegmentGroup.SourceSegments": _count(5, what="source segments"),
    "EndpointBatchRequest.Item": _count(100, least=1, what="endpoints"),
    "EventsRequest.BatchItem": _count(100, least=1, what="endpoints"),
    "MessageRequest.Addresses": _count(100, what="addresses"),
    "MessageRequest.Endpoints": _count(100, what="endpoints"),
    "SendUsersMessageRequest.Users": _count(100, least=1, what="users"),
    "UpdateAttributesRequest.Blacklist": _count(250, least=1, what="names"),
    "WriteEventStream.DestinationStreamArn": _ARN,
    "WriteEventStream.RoleArn": _ARN,
    "ImportJobRequest.SegmentName": _NAME,
    "ImportJobRequest.S3Url": _text(1_100, least=1),
    "ImportJobRequest.RoleArn": _ARN,
    "ExportJobRequest.S3UrlPrefix": _text(1_100, least=1),
    "ExportJobRequest.RoleArn": _ARN,
    "UntagResourceRequest.TagKeys": _count(50, least=1, what="keys"),
} | {
    f"{shape}.tags": check_tags
    for shape in (
        "CreateApplicationRequest", "TagsModel", "WriteSegmentRequest", "WriteCampaignRequest", "EmailTemplateRequest",
        "SMSTemplateRequest", "PushNotificationTemplateRequest", "VoiceTemplateRequest", "InAppTemplateRequest",
    )
}  # fmt: skip
