from __future__ import annotations

import datetime
import itertools

from endpoints.models import Endpoint, EndpointUser
from projects.models import Project

_number = itertools.count(1)


def make_endpoint(
    *, project: Project, user_attributes: dict[str, list[str]] | None = None, user_id: str = "", **fields: object
) -> Endpoint:
    """An active e-mail endpoint that has not opted out; ``user_attributes`` or ``user_id`` gives it a user."""
    number = next(_number)
    user = None
    if user_id or user_attributes is not None:
        user, _ = EndpointUser.objects.update_or_create(
            project=project, user_id=user_id or f"user-{number}", defaults={"attributes": user_attributes or {}}
        )
    values: dict[str, object] = {
        "endpoint_id": f"endpoint-{number}",
        "channel_type": "EMAIL",
        "address": f"member{number}@example.com",
        "cohort_id": number % 100,
        "effective_at": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    } | fields
    values.setdefault("endpoint_key", str(values["endpoint_id"]).lower())
    values.setdefault("address_key", str(values["address"]).lower())
    return Endpoint.objects.create(project=project, user=user, **values)
