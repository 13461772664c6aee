"""What the segment builder needs to know: the base segments, and the names that the data has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics.event_names import names_of, said
from analytics.models import FIRST_CUSTOM_KIND, EventKind
from endpoints import catalogue
from endpoints.models import AttributeKind
from projects import zones
from projects.models import Project
from segments import ports, queries, wording
from segments.evaluation import DefinitionRefused, parse_document


@dataclass(frozen=True, slots=True)
class Builder:
    """The context of ``segments/_builder.html``; ``state`` is JSON for its controller."""

    document: str
    state: str
    count_url: str
    values_url: str
    links_url: str
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
        + [
            {"group": _("Standard attributes"), "kind": "Standard", "names": _standard()},
            {"group": _("Activity and place"), "kind": "", "names": _other()},
        ],
        "campaigns": [{"id": key, "name": name} for key, name in _campaigns(project, document).items()],
        "events": _events(project),
        "map": {
            "echarts": static("vendor/echarts/echarts.min.js"),
            "topojson": static("vendor/topojson/topojson-client.min.js"),
            "world": static("vendor/world-atlas/countries-110m.json"),
        },
        "words": _words(),
    }
    return Builder(
        document=json.dumps(document, ensure_ascii=False),
        state=json.dumps(state, ensure_ascii=False),
        count_url=reverse("segments:count-document", args=[project.public_id]),
        values_url=reverse("segments:list-values", args=[project.public_id]),
        links_url=reverse("segments:list-links", args=[project.public_id]),
        zone=project.time_zone,
        zone_label=zones.label(project.time_zone),
    )


def _campaigns(project: Project, document: dict[str, Any]) -> dict[str, str]:
    """Public id → name of the campaigns to choose from, newest first, and of those that the document names already."""
    choices = {key: name for found in ports.campaign_choices.call(project.pk) for key, name in found}
    try:
        named = wording.campaigns_in([parse_document(document)])
    except DefinitionRefused:
        return choices
    return choices | wording.campaign_names(project=project, campaign_ids=named - choices.keys())


def _events(project: Project) -> list[tuple[str, str]]:
    """Name and words of what programs of the project sent, those first, and of what apps may send."""
    names = names_of(project_id=project.pk)
    found = sorted((kind < FIRST_CUSTOM_KIND, name) for kind, name in names.items() if kind >= EventKind.SESSION_START)
    return [(name, said(name)) for _is_pinpoints, name in found]


def _standard() -> list[dict[str, object]]:
    labels = {
        "Demographic.Channel": _("Channel"), "Location.Country": _("Country"), "Location.City": _("City"),
        "Location.Region": _("Region"), "Location.PostalCode": _("Postal code"), "Demographic.Timezone": _("Time zone"),
        "Demographic.Locale": _("Language setting"), "Demographic.Platform": _("Platform"),
        "Demographic.PlatformVersion": _("Version of the platform"), "Demographic.AppVersion": _("App version"),
        "Demographic.DeviceType": _("Device type"), "Demographic.Make": _("Maker of the device"),
        "Demographic.Model": _("Model of the device"), "Demographic.ModelVersion": _("Version of the model"),
        "OptOut": _("Opt-out"), "EndpointStatus": _("Endpoint status"), "User.UserId": _("User id"),
    }  # fmt: skip
    return [{"name": name, "label": label, "isDate": False} for name, label in labels.items()]


def _other() -> list[dict[str, object]]:
    return [
        {"kind": "Messages", "name": "Messages", "label": _("Messages received, opened, clicked")},
        {"kind": "Events", "name": "Events", "label": _("Events of apps and web pages")},
        {"kind": "Recency", "name": "Recency", "label": _("Last activity")},
        {"kind": "Near", "name": "GPSPoint", "label": _("Distance from a point")},
    ]


def _words() -> dict[str, str]:
    return {
        "is": _("is"), "isNot": _("is not"), "contains": _("contains"), "before": _("before"), "after": _("after"), "on": _("on the day"),
        "between": _("between"), "isSet": _("is set"), "isEmpty": _("is empty"), "eq": _("equals"), "gt": _("greater than"),
        "lt": _("less than"), "gte": _("at least"), "lte": _("at most"), "asNumber": _("as a number:"), "remove": _("Remove the filter"),
        "not": _("Not"), "incomplete": _("Without a value this filter does not count."), "days": _("Days"), "today": _("is today"),
        "withinLast": _("within the last days"), "moreThanAgo": _("more than days ago"), "withinNext": _("within the next days"),
        "moreThanAhead": _("more than days ahead"), "anniversary": _("anniversary within the next days"),
        "ACTIVE": _("active within"), "INACTIVE": _("not active within"), "HR_24": _("24 hours"), "DAY_7": _("7 days"),
        "DAY_14": _("14 days"), "DAY_30": _("30 days"), "RECEIVED": _("received"), "OPENED": _("opened"), "CLICKED": _("clicked"),
        "UNSUBSCRIBED": _("unsubscribed"), "anyCampaign": _("Any campaign"), "campaign": _("Campaign"), "link": _("Link"),
        "linkNumber": _("Link number"), "did": _("did"), "event": _("Event"), "atLeast": _("At least, times"),
        "whereAttribute": _("With the attribute"), "any": _("any"), "chooseEvent": _("Choose an event"),
        "anyLink": _("any link"), "withinDays": _("Within days"), "ever": _("ever"), "within": _("within"),
        "latitude": _("Latitude"), "longitude": _("Longitude"), "kilometres": _("Kilometres"),
        "mapHint": _("Click the map to set the point; the circle is the distance. Scroll to zoom, drag to move."),
        "raw": _("A filter that this page can't show is kept as it is:"), "version": _("version"),
        "values": _("Values"), "value": _("Value"), "to": _("to"), "attribute": _("Attribute"), "comparison": _("Comparison"),
        "stored": _("Stored as %(instant)s") % {"instant": "{}"}, "choose": _("Choose values, or type and press Enter"),
    }  # fmt: skip
