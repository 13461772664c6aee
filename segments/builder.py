"""What the segment builder needs to know: the base segments, and the names that the data has."""

from __future__ import annotations

import json
import zoneinfo
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from endpoints import catalogue
from endpoints.models import AttributeKind
from projects import zones
from projects.models import Project
from segments import ports, queries
from segments.evaluation import parse_document
from segments.explanation import explain

_STANDARD = ("Channel", "Country", "City", "Timezone", "Locale", "Platform", "OptOut", "EndpointStatus")


@dataclass(frozen=True, slots=True)
class Builder:
    """The context of ``segments/_builder.html``; ``state`` is JSON for its controller."""

    document: str
    state: str
    count_url: str
    values_url: str
    zone: str
    zone_label: str


def segment_builder(*, project: Project, document: dict[str, Any], own_id: str = "") -> Builder:
    """The builder over a definition; ``own_id`` is the segment that is being edited, which can't be its own base."""
    names = catalogue.names(project=project)
    state = {
        "sources": [
            {"id": segment.public_id, "name": segment.name, "type": segment.segment_type}
            for segment in queries.listed_segments(project=project)[:500]
            if segment.public_id != own_id
        ],
        "subjects": [
            {
                "group": label,
                "kind": kind,
                "names": [{"name": n.name, "isDate": n.looks_like_date} for n in names if n.kind == key],
            }
            for kind, key, label in (
                ("UserAttributes", AttributeKind.USER_ATTRIBUTE, _("User attributes")),
                ("Attributes", AttributeKind.ATTRIBUTE, _("Endpoint attributes")),
                ("Metrics", AttributeKind.METRIC, _("Metrics")),
            )
        ]
        + [{"group": _("Standard attributes"), "kind": "Standard", "names": _standard()}],
        "words": _words(),
    }
    return Builder(
        document=json.dumps(document, ensure_ascii=False),
        state=json.dumps(state, ensure_ascii=False),
        count_url=reverse("segments:count-document", args=[project.public_id]),
        values_url=reverse("segments:list-values", args=[project.public_id]),
        zone=project.time_zone,
        zone_label=zones.label(project.time_zone),
    )


def sentence(*, project: Project, document: dict[str, Any]) -> str:
    """The definition in words; raises ``DefinitionRefused``."""
    definition = parse_document(document)
    ids = {source.segment_id for group in definition.groups for source in group.sources}
    return explain(
        definition=definition,
        segment_names=queries.segment_names(project=project, segment_ids=ids),
        campaign_names=campaign_names(project=project),
        zone=zoneinfo.ZoneInfo(project.time_zone),
        zone_label=zones.label(project.time_zone).split(" ")[0],
    )


def campaign_names(*, project: Project) -> dict[str, str]:
    """Public id → name of the campaigns that a filter may name, newest first."""
    return {key: name for found in ports.campaign_choices.call(project.pk) for key, name in found}


def _standard() -> list[dict[str, object]]:
    labels = {
        "Channel": _("Channel"), "Country": _("Country"), "City": _("City"), "Timezone": _("Time zone"),
        "Locale": _("Language setting"), "Platform": _("Platform"), "OptOut": _("Opt-out"), "EndpointStatus": _("Endpoint status"),
    }  # fmt: skip
    return [{"name": name, "label": labels[name], "isDate": False} for name in _STANDARD]


def _words() -> dict[str, str]:
    return {
        "is": _("is"), "isNot": _("is not"), "contains": _("contains"), "before": _("before"), "after": _("after"), "on": _("on the day"),
        "between": _("between"), "isSet": _("is set"), "eq": _("equals"), "gt": _("greater than"), "lt": _("less than"),
        "gte": _("at least"), "lte": _("at most"), "asNumber": _("as a number:"), "remove": _("Remove the filter"),
        "values": _("Values"), "value": _("Value"), "to": _("to"), "attribute": _("Attribute"), "comparison": _("Comparison"),
        "stored": _("Stored as %(instant)s") % {"instant": "{}"}, "choose": _("Choose values, or type and press Enter"),
    }  # fmt: skip
