"""The tests that look beyond one subject's values: distance, activity, anniversaries, and what became of messages."""

from __future__ import annotations

import datetime
from typing import Any

from django.utils.translation import gettext as _

from analytics import queries as analytics_queries
from analytics.models import EventKind
from analytics.services.event_types import known_kind
from core.audience import Audience
from endpoints.queries import of_same_users
from segments import ports
from segments.evaluation import leaves
from segments.evaluation.moment import Moment
from segments.evaluation.refusals import DefinitionRefused
from segments.evaluation.tree import SIGNS, Action, ActiveWithin, Anniversary, Did, DidEvent, Near, Relative, Test

_KINDS = {
    Action.RECEIVED: EventKind.EMAIL_DELIVERED,
    Action.OPENED: EventKind.EMAIL_OPEN,
    Action.CLICKED: EventKind.EMAIL_CLICK,
    Action.UNSUBSCRIBED: EventKind.EMAIL_UNSUBSCRIBE,
}
_NUMBER = "(CASE jsonb_typeof(e.location -> '{key}') WHEN 'number' THEN (e.location ->> '{key}')::float8 END)"
_LATITUDE, _LONGITUDE = _NUMBER.format(key="Latitude"), _NUMBER.format(key="Longitude")
# The haversine of the angle between two points; 6,371.0088 km is the Earth's mean radius. Rounding may carry it over 1.
_NEAR = f"""
    2 * 6371.0088 * asin(sqrt(least(1,
        sin(radians({_LATITUDE} - %(latitude)s) / 2) ^ 2
        + cos(radians(%(latitude)s)) * cos(radians({_LATITUDE})) * sin(radians({_LONGITUDE} - %(longitude)s) / 2) ^ 2
    ))) <= %(kilometres)s
"""


def holding(*, project_id: int, test: Test, moment: Moment) -> Audience:
    """The project's endpoints for which the test holds. Raises ``DefinitionRefused`` when a campaign is not there."""
    match test:
        case Relative():
            return leaves.holding(project_id=project_id, test=moment.dated(test))
        case Did():
            return did(project_id=project_id, test=test, moment=moment)
        case DidEvent():
            return did_event(project_id=project_id, test=test, moment=moment)
        case Near() | ActiveWithin():
            return leaves.scan(project_id=project_id, found=condition(test, moment))
        case Anniversary():
            is_of_user = leaves.is_of_user(test.subject)
            return leaves.scan(project_id=project_id, found=condition(test, moment), is_of_user=is_of_user)
        case _:
            return leaves.holding(project_id=project_id, test=test)


def condition(test: Near | ActiveWithin | Anniversary, moment: Moment) -> tuple[str, dict[str, Any]]:
    """The test as SQL over ``endpoints_endpoint e`` and its user ``u``, with its parameters."""
    match test:
        case Near():
            return _NEAR, {"latitude": test.latitude, "longitude": test.longitude, "kilometres": test.kilometres}
        case ActiveWithin():
            return "e.effective_at >= %(since)s", {"since": moment.now - datetime.timedelta(hours=test.hours)}
        case Anniversary():
            days = "to_char(pabal_instant({it}) AT TIME ZONE %(zone)s, 'MM-DD') = ANY(%(days)s)"
            params = {"name": test.subject.name, "zone": moment.zone.key, "days": moment.days_ahead(test.days)}
            return leaves.some(test.subject, days), params


def did(*, project_id: int, test: Did, moment: Moment) -> Audience:
    """Whoever received, opened, clicked or unsubscribed. Opens and clicks by link scanners don't count."""
    source_id = None
    if test.campaign_id:
        found = {public: pk for known in ports.campaign_ids.call(project_id, [test.campaign_id]) for public, pk in known.items()}
        if test.campaign_id not in found:
            raise DefinitionRefused(_("A filter names a campaign that does not exist in this project. Choose another campaign."))
        source_id = found[test.campaign_id]
    since = _since(test.days, moment)
    return analytics_queries.did(
        project_id=project_id, kind=_KINDS[test.action], campaign_id=source_id, link_number=test.link, treatment=test.treatment,
        since=since,
    )  # fmt: skip


def did_event(*, project_id: int, test: DidEvent, moment: Moment) -> Audience:
    """Whoever did it; what a person did in an app or on a web page, all of his endpoints did. Of a type that the project does not
    know (yet) that is nobody.
    """
    kind = known_kind(project_id=project_id, name=test.event_type)
    since = _since(test.days, moment)
    if kind is None:
        return Audience()
    if test.is_plain:
        found = analytics_queries.did(project_id=project_id, kind=kind, since=since)
    else:
        found = analytics_queries.did_often(
            project_id=project_id, kind=kind, at_least=test.at_least, since=since, attributes=test.attributes,
            metrics=[(name, SIGNS[comparison], float(value)) for name, comparison, value in test.metrics],
        )  # fmt: skip
    return of_same_users(project_id=project_id, ids=found) if kind >= EventKind.SESSION_START and found else found


def _since(days: int | None, moment: Moment) -> datetime.date | None:
    return None if days is None else (moment.now.astimezone(datetime.UTC) - datetime.timedelta(days=days)).date()
