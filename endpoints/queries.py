"""Reads of endpoints for sending, previews and pages."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from endpoints.models import OptOut

_DOCUMENTS = """
    SELECT e.id, e.endpoint_id, e.channel_type, e.address, e.address_key, e.opt_out, e.status, e.attributes, e.metrics,
           e.demographic, e.location, e.request_id, e.effective_at, e.created_at, e.cohort_id, u.user_id, u.attributes
      FROM endpoints_endpoint e LEFT JOIN endpoints_endpointuser u ON u.id = e.user_id
     WHERE e.project_id = %s AND e.id = ANY(%s)
     ORDER BY e.id
"""


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint as Pinpoint's EndpointResponse document, with the columns that sending decides by."""

    id: int
    address: str
    address_key: str
    opt_out: str
    document: dict[str, Any]

    @property
    def is_opted_out(self) -> bool:
        return self.opt_out == OptOut.ALL


def endpoint_rows(*, project_id: int, ids: Sequence[int]) -> list[EndpointRow]:
    """The endpoints of a project with these ids, ascending; ids that don't exist (any more) are left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_DOCUMENTS, [project_id, list(ids)])
        rows = cursor.fetchall()
    return [_row(row) for row in rows]


def _row(row: tuple[Any, ...]) -> EndpointRow:
    (pk, endpoint_id, channel, address, address_key, opt_out, status, attributes, metrics, demographic, location, request_id,
     effective_at, created_at, cohort_id, user_id, user_attributes) = row  # fmt: skip
    document: dict[str, Any] = {
        "Id": endpoint_id,
        "ChannelType": channel,
        "Address": address,
        "OptOut": opt_out,
        "EndpointStatus": status,
        "Attributes": _json(attributes),
        "Metrics": _json(metrics),
        "Demographic": _json(demographic),
        "Location": _json(location),
        "RequestId": request_id,
        "EffectiveDate": _instant(effective_at),
        "CreationDate": _instant(created_at),
        "CohortId": str(cohort_id),
        "User": {"UserId": user_id, "UserAttributes": _json(user_attributes) or {}} if user_id is not None else {},
    }
    return EndpointRow(id=pk, address=address, address_key=address_key, opt_out=opt_out, document=document)


def _json(value: Any) -> Any:
    # Django leaves jsonb as text on raw cursors.
    return json.loads(value) if isinstance(value, str) else value


def _instant(value: datetime.datetime) -> str:
    return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
