"""Which of Pinpoint's answers a JSON document is: by the wrapper that AWS's tools put around it, or by its members alone."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator, Mapping
from typing import Any

from api.protocol.model import model

Document = dict[str, Any]


class Kind(enum.Enum):
    """The values are the words of the report."""

    APP = "project"
    SETTINGS = "settings"
    CHANNEL = "channel"
    SEGMENT = "segment"
    CAMPAIGN = "campaign"
    ACTIVITY = "campaign activity"
    CAMPAIGN_KPI = "campaign figures"
    TEMPLATE = "template"
    TEMPLATE_LISTED = "template (listed)"
    TEMPLATE_VERSION_LISTED = "template version (listed)"
    ENDPOINT = "endpoint"
    EXPORT_JOB = "export job"
    IMPORT_JOB = "import job"
    SUPPRESSED = "suppressed address"
    TAGS = "tags"
    JOURNEY = "journey"
    RECOMMENDER = "recommender"
    EVENT_STREAM = "event stream"
    OTHER_KPI = "figures"
    OTHER = "other answer"


# The shape of an answer (in botocore's model) → what it is. An answer of any other shape is told by its own name.
_SHAPES = {
    "ApplicationResponse": Kind.APP, "ApplicationSettingsResource": Kind.SETTINGS, "SegmentResponse": Kind.SEGMENT,
    "CampaignResponse": Kind.CAMPAIGN, "ActivityResponse": Kind.ACTIVITY, "CampaignDateRangeKpiResponse": Kind.CAMPAIGN_KPI,
    "EmailTemplateResponse": Kind.TEMPLATE, "SMSTemplateResponse": Kind.TEMPLATE, "PushNotificationTemplateResponse": Kind.TEMPLATE,
    "VoiceTemplateResponse": Kind.TEMPLATE, "InAppTemplateResponse": Kind.TEMPLATE, "TemplateResponse": Kind.TEMPLATE_LISTED,
    "TemplateVersionResponse": Kind.TEMPLATE_VERSION_LISTED, "EndpointResponse": Kind.ENDPOINT, "ExportJobResponse": Kind.EXPORT_JOB,
    "ImportJobResponse": Kind.IMPORT_JOB, "TagsModel": Kind.TAGS, "JourneyResponse": Kind.JOURNEY,
    "RecommenderConfigurationResponse": Kind.RECOMMENDER, "EventStream": Kind.EVENT_STREAM,
    "ApplicationDateRangeKpiResponse": Kind.OTHER_KPI, "JourneyDateRangeKpiResponse": Kind.OTHER_KPI,
}  # fmt: skip
_LISTS = ("Item", "Channels")


def recognised(value: Any) -> Iterator[tuple[Kind, Document]]:
    """The things in a document, taken out of wrappers and lists; ``Kind.OTHER`` for an object that is none of Pinpoint's."""
    if isinstance(value, list):
        for one in value:
            yield from recognised(one)
    elif isinstance(value, dict):
        yield from _object(value)


def _object(value: Document) -> Iterator[tuple[Kind, Document]]:
    wrapped = [(shape, value[name]) for name, shape in _wrappers().items() if isinstance(value.get(name), dict)]
    if len(wrapped) == 1 and len(value.keys() - {"ResponseMetadata", "NextToken"}) == 1:
        yield from _of_shape(*wrapped[0])
    elif isinstance(value.get("SuppressedDestinationSummaries"), list):
        yield from ((Kind.SUPPRESSED, one) for one in value["SuppressedDestinationSummaries"] if isinstance(one, dict))
    elif isinstance(value.get("Item"), list):
        yield from recognised(value["Item"])
    elif isinstance(value.get("Channels"), dict):
        yield from _channels(value["Channels"])
    else:
        yield _by_members(value), value


def _of_shape(shape: str, value: Document) -> Iterator[tuple[Kind, Document]]:
    if shape == "ChannelsResponse":
        yield from _channels(value.get("Channels") or {})
        return
    item = model().shapes[shape].get("members", {}).get("Item")
    if item is None:
        kind = Kind.CHANNEL if shape.endswith("ChannelResponse") else _SHAPES.get(shape, Kind.OTHER)
        yield kind, value
        return
    inner = model().shapes[item["shape"]]["member"]["shape"]
    for one in value.get("Item") or []:
        if isinstance(one, dict):
            yield _SHAPES.get(inner, Kind.OTHER), one


def _channels(value: Any) -> Iterator[tuple[Kind, Document]]:
    """GetChannels says of each only that it is there: what it is set to has an answer of its own."""
    if isinstance(value, dict):
        yield from (
            (Kind.CHANNEL, one | {"Platform": name, "IsListed": True}) for name, one in value.items() if isinstance(one, dict)
        )


@functools.cache
def _wrappers() -> Mapping[str, str]:
    """The member under which AWS's tools show an answer → its shape."""
    found = {}
    for operation in model().operations.values():
        payload = model().payload(operation.output)
        if payload is not None:
            found[payload[0]] = payload[1]
    return found


def _by_members(value: Document) -> Kind:
    """What a bare answer is, as HTTP has it or as somebody cut it out."""
    for members, kind in _MEMBERS:
        if all(member in value for member in members):
            return kind
    if ":apps/" in str(value.get("Arn", "")) and {"Id", "Name"} <= value.keys():
        return Kind.APP
    return Kind.OTHER


# The first that fits; those with more telling members come first.
_MEMBERS: tuple[tuple[tuple[str, ...], Kind], ...] = (
    (("KpiName", "CampaignId"), Kind.CAMPAIGN_KPI),
    (("KpiName",), Kind.OTHER_KPI),
    (("SegmentType", "Id"), Kind.SEGMENT),
    (("TemplateType", "TemplateName", "HtmlPart"), Kind.TEMPLATE),
    (("TemplateType", "TemplateName", "TextPart"), Kind.TEMPLATE),
    (("TemplateType", "TemplateName", "Body"), Kind.TEMPLATE),
    (("TemplateType", "TemplateName", "Content"), Kind.TEMPLATE),
    (("TemplateType", "TemplateName", "Default"), Kind.TEMPLATE),
    (("TemplateType", "TemplateName", "Arn"), Kind.TEMPLATE_LISTED),
    (("TemplateType", "TemplateName"), Kind.TEMPLATE_VERSION_LISTED),
    (("JobStatus", "Type", "Definition"), Kind.EXPORT_JOB),
    (("CampaignId", "ApplicationId", "Id"), Kind.ACTIVITY),
    (("SegmentId", "SegmentVersion", "Id"), Kind.CAMPAIGN),
    (("RecommendationProviderUri",), Kind.RECOMMENDER),
    (("DestinationStreamArn",), Kind.EVENT_STREAM),
    (("StartActivity", "Id"), Kind.JOURNEY),
    (("Activities", "Id"), Kind.JOURNEY),
    (("Platform", "ApplicationId"), Kind.CHANNEL),
    (("ChannelType", "Id"), Kind.ENDPOINT),
    (("EndpointStatus", "Id"), Kind.ENDPOINT),
    (("ApplicationId", "Limits", "QuietTime"), Kind.SETTINGS),
    (("ApplicationId", "CampaignHook"), Kind.SETTINGS),
)
