"""Endpoints, users, attributes (reference, section 2)."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from api.operations.contract import Call, Document, Entry, not_found, reads, writes
from api.protocol.errors import BadRequest
from endpoints import queries
from endpoints.models import AttributeKind, OptOutEntry
from endpoints.queries import EndpointRow
from endpoints.services import removing_attributes, update
from endpoints.writing.refusals import ItemRefused

TITLE = "Endpoints, users, attributes"
_KINDS = {
    "endpoint-custom-attributes": AttributeKind.ATTRIBUTE,
    "endpoint-metric-attributes": AttributeKind.METRIC,
    "endpoint-user-attributes": AttributeKind.USER_ATTRIBUTE,
}


def get_endpoint(call: Call) -> Document:
    """An endpoint with its user, by its Id in any case."""
    found = queries.endpoint_named(project_id=call.project.pk, endpoint_id=call.params["EndpointId"])
    if found is None:
        raise not_found("Endpoint")
    return _document(call, found)


def update_endpoint(call: Call) -> Document:
    """Create an endpoint or change what is given of it; done when it is answered. A new one without a channel is an app's own."""
    items = update.with_apps_own(
        project=call.project, items=[_item(call, call.params["EndpointRequest"], call.params["EndpointId"])]
    )
    (answer,) = update.update_endpoints(
        project=call.project, items=items, source=OptOutEntry.Source.API, now=call.now, actor_id=call.key.created_by_id
    )
    if isinstance(answer, ItemRefused):
        raise BadRequest(_said(answer))
    return call.accepted


def update_endpoints_batch(call: Call) -> Document:
    """Up to 100 endpoints, all of them or none: a refused one is named, and nothing is written."""
    given = call.params["EndpointBatchRequest"].get("Item")
    if not given:
        raise BadRequest("Item: it is missing.")
    items = update.with_apps_own(project=call.project, items=[_item(call, one, one.get("Id", "")) for one in given])
    with transaction.atomic():
        answers = update.update_endpoints(
            project=call.project, items=items, source=OptOutEntry.Source.API, now=call.now, actor_id=call.key.created_by_id
        )
        refused = [_said(answer, f"Item[{place}].") for place, answer in enumerate(answers) if isinstance(answer, ItemRefused)]
        if refused:
            raise BadRequest(" ".join(refused[:10]))
    return call.accepted


def delete_endpoint(call: Call) -> Document:
    """Delete an endpoint, and its user when that has no other."""
    endpoint_id = call.params["EndpointId"]
    with transaction.atomic():
        found = queries.endpoint_named(project_id=call.project.pk, endpoint_id=endpoint_id)
        if found is None or not update.delete_endpoints(project=call.project, endpoint_ids=[endpoint_id]):
            raise not_found("Endpoint")
    return _document(call, found)


def get_user_endpoints(call: Call) -> Document:
    """All endpoints of a user."""
    found = queries.endpoints_of_user(project_id=call.project.pk, user_id=call.params["UserId"])
    if not found:
        raise not_found("User")
    return {"Item": [_document(call, one) for one in found]}


def delete_user_endpoints(call: Call) -> Document:
    """Delete a user with all endpoints."""
    user_id = call.params["UserId"]
    with transaction.atomic():
        found = queries.endpoints_of_user(project_id=call.project.pk, user_id=user_id)
        if not found or not update.delete_user_endpoints(project=call.project, user_id=user_id):
            raise not_found("User")
    return {"Item": [_document(call, one) for one in found]}


def remove_attributes(call: Call) -> Document:
    """Take attributes by name (`*` stands for any text) from all endpoints, or from all users; carried out in the background."""
    named = call.params["AttributeType"]
    kind = _KINDS.get(named)
    if kind is None:
        raise BadRequest(f"attribute-type: it must be one of {', '.join(_KINDS)}.")
    patterns = call.params["UpdateAttributesRequest"].get("Blacklist") or []
    if not patterns:
        raise BadRequest("Blacklist: it is missing.")
    names = removing_attributes.fitting_names(project=call.project, kind=kind, patterns=patterns)
    if names:
        removal = removing_attributes.remove_attributes(
            project=call.project, actor=call.actor, kind=kind, patterns=patterns, now=call.now
        )
        names = removal.names
    return {"ApplicationId": call.project.public_id, "AttributeType": named, "Attributes": names}


def _item(call: Call, document: dict[str, Any], endpoint_id: str) -> dict[str, Any]:
    return {"RequestId": call.request_id, **document, "Id": endpoint_id}


def _said(refused: ItemRefused, where: str = "") -> str:
    path = f"{where}{refused.column}".rstrip(".")
    return f"{path}: {refused.message}" if path else refused.message


def _document(call: Call, row: EndpointRow) -> Document:
    return {**row.document, "ApplicationId": call.project.public_id}


TABLE: dict[str, Entry] = {
    "GetEndpoint": reads(get_endpoint),
    "UpdateEndpoint": writes(update_endpoint, for_apps=True),
    "UpdateEndpointsBatch": writes(update_endpoints_batch),
    "DeleteEndpoint": writes(delete_endpoint),
    "GetUserEndpoints": reads(get_user_endpoints),
    "DeleteUserEndpoints": writes(delete_user_endpoints),
    "RemoveAttributes": writes(remove_attributes),
}
