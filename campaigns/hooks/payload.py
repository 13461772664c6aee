"""What is said to a hook, and what it may answer (reference, section 6.4)."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.models import Campaign, Run
from endpoints.queries import EndpointRow
from projects.models import Project

# What an answer may change: what templates read. Never whom it goes to, nor whether that person wants it.
_ENRICHED = ("Attributes", "Metrics", "Demographic", "Location", "User")
_SCALARS = (str, int, float, bool, type(None))


class Undecodable(ValueError):
    """An answer that is not a map of endpoints."""


def request(*, run: Run, rows: Sequence[EndpointRow], own: Mapping[str, Any]) -> bytes:
    """``own``: the ``MessageConfiguration``, as the hook is told it."""
    said = {**own, **head(run=run), "Endpoints": {row.document["Id"]: row.document for row in rows}}
    return json.dumps(said, ensure_ascii=False).encode()


def head(*, run: Run) -> dict[str, Any]:
    """Which run a call is about."""
    return about(project=run.project, campaign=run.campaign, treatment=run.treatment, activity=run.public_id, due_at=run.due_at)


def about(*, project: Project, campaign: Campaign, treatment: int, activity: str, due_at: datetime.datetime) -> dict[str, Any]:
    """The same of a call that belongs to no run."""
    return {
        "ApplicationId": project.public_id,
        "CampaignId": campaign.public_id,
        "TreatmentId": str(treatment),
        "ActivityId": activity,
        "ScheduledTime": due_at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }


def answered(body: bytes) -> dict[str, dict[str, Any]]:
    """The endpoints of an answer, by their Ids; each with only what it may change. Raises ``Undecodable``."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Undecodable("not JSON") from None
    if not isinstance(found, dict):
        raise Undecodable("not a map of endpoints")
    if isinstance(found.get("Endpoints"), dict) and "ApplicationId" in found:  # the whole request, given back
        found = found["Endpoints"]
    return {str(key): _enriched(value) for key, value in found.items()}


def _enriched(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Undecodable("an endpoint is not an object")
    kept = {name: value[name] for name in _ENRICHED if value.get(name) is not None}
    user = kept.get("User", {})
    shapes = [
        *(
            _is_lists(kept.get("Attributes", {})),
            _is_lists(user.get("UserAttributes") or {}) if isinstance(user, dict) else False,
        ),
        *(_is_flat(kept.get(name, {})) for name in ("Metrics", "Demographic", "Location")),
    ]
    if not all(shapes):
        raise Undecodable("an endpoint has values of another shape")
    return kept


def _is_lists(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(some, list) and all(isinstance(one, str) for one in some) for some in value.values()
    )


def _is_flat(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, _SCALARS) for one in value.values())
