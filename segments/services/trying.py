"""What a dry run shows: a few endpoints that would change, field by field."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from endpoints.importer.piece import PieceResult
from endpoints.models import Endpoint

_LOOKED_AT = 200  # members beside the changed ones: their users' attributes may change while they don't
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """Some endpoints' fields by name, as texts: endpoint id → (Id, fields)."""

    endpoints: dict[int, tuple[str, dict[str, str]]]


def picture(*, ids: list[int]) -> Picture:
    """The endpoints as they stand for the present transaction."""
    found = Endpoint.objects.filter(pk__in=ids).select_related("user").order_by("pk")
    return Picture(endpoints={endpoint.pk: (endpoint.endpoint_id, _fields(endpoint)) for endpoint in found})


def worth_a_look(*, result: PieceResult) -> list[int]:
    changed = list(itertools.islice(result.changed, _SHOWN))
    return [*changed, *itertools.islice(result.members - result.created, _LOOKED_AT)]


def examples(*, before: Picture, after: Picture) -> list[dict[str, Any]]:
    """``[{"id", "changes": [[field, before, after], …]}]``"""
    found = []
    for pk, (endpoint_id, new) in after.endpoints.items():
        _id, old = before.endpoints.get(pk, ("", {}))
        changes = [
            [name, old.get(name, ""), new.get(name, "")] for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)
        ]
        if old and changes:
            found.append({"id": endpoint_id, "changes": changes})
    return found[:_SHOWN]


def _fields(endpoint: Endpoint) -> dict[str, str]:
    fields = {
        "ChannelType": endpoint.channel_type, "Address": endpoint.address, "OptOut": endpoint.opt_out,
        "EndpointStatus": endpoint.status, "User.UserId": endpoint.user.user_id if endpoint.user else "",
    }  # fmt: skip
    maps = {
        "Attributes": endpoint.attributes, "Metrics": endpoint.metrics, "Demographic": endpoint.demographic,
        "Location": endpoint.location, "User.UserAttributes": endpoint.user.attributes if endpoint.user else {},
    }  # fmt: skip
    for title, values in maps.items():
        fields |= {f"{title}.{name}": _text(value) for name, value in sorted(values.items())}
    return fields


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
