"""Writing single endpoints and small batches, as Pinpoint's UpdateEndpoint and UpdateEndpointsBatch do; deleting them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction

from endpoints import queries
from endpoints.models import AttributeKind, ChannelType, OptOutEntry
from endpoints.services import catalogue
from endpoints.writing import addresses, removal, rules
from endpoints.writing.dates import look_like_dates
from endpoints.writing.documents import Item, Refused, take_document
from endpoints.writing.fold import Folded
from endpoints.writing.refusals import ItemRefused
from endpoints.writing.stored import write_stored
from endpoints.writing.write import Write, write_lines
from projects.models import Project


@dataclass(frozen=True, slots=True)
class Accepted:
    """The endpoint is written; ``id`` is its primary key."""

    id: int
    is_new: bool


def update_endpoints(
    *,
    project: Project,
    items: Sequence[Mapping[str, Any]],
    source: OptOutEntry.Source,
    now: datetime.datetime,
    actor_id: int | None = None,
) -> list[Accepted | ItemRefused]:
    """Create or update endpoints from EndpointRequest documents with ``Id``, in their order; one answer for each.

    Merge rules of the reference, section 2; reads that begin later see what was written. A refused item changes nothing.
    """
    lines = [_read(place, item) for place, item in enumerate(items, 1)]
    names = {line.line: _names(line) for line in lines if isinstance(line, Item)}
    all_names = set().union(*names.values())
    how = Write(project_id=project.pk, source=source, now=now, actor_id=actor_id, touch=True)
    done = write_stored(lines=lines, names=all_names, how=how)
    if done is not None:
        folded, written = done
    elif unknown := catalogue.unknown_names(project=project, names=all_names):
        with transaction.atomic():
            addresses.share_project(project.pk)
            _check_room(project, lines, names)
            folded, written = write_lines(lines=lines, how=how)
            _note_names(project, folded, unknown)
    else:
        folded, written = write_lines(lines=lines, how=how)
    refused = {line.line: ItemRefused(line.code, line.column, **line.params) for line in folded.refused}
    created = set(written.created)
    answers: list[Accepted | ItemRefused] = []
    for place, line in enumerate(lines, 1):
        refusal = refused.get(place)
        if refusal is None and isinstance(line, Item):
            pk = written.ids[line.endpoint_id.lower()]
            answers.append(Accepted(id=pk, is_new=pk in created))
        elif refusal is not None:
            answers.append(refusal)
    return answers


def of_an_app(document: Mapping[str, Any]) -> dict[str, Any]:
    """A new endpoint that names no channel, as PutEvents and UpdateEndpoint make it: an app's own, which in-app messages reach."""
    made = {**document, "ChannelType": document.get("ChannelType") or ChannelType.IN_APP}
    if made["ChannelType"] == ChannelType.IN_APP and not made.get("Address"):
        made["Address"] = made["Id"]
    return made


def with_apps_own(*, project: Project, items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The items; of those that nobody knows yet and that name neither channel nor address, an app's own."""
    bare = {one["Id"].lower() for one in items if one["Id"] and not one.get("ChannelType") and not one.get("Address")}
    if not bare:
        return list(items)
    new = bare - queries.endpoint_pks(project_id=project.pk, keys=bare).keys()
    return [of_an_app(one) if one["Id"].lower() in new else one for one in items]


def delete_endpoints(*, project: Project, endpoint_ids: Sequence[str]) -> int:
    """Delete endpoints by their client's Id, and users who have none left; how many there were."""
    with transaction.atomic():
        return removal.remove(project_id=project.pk, keys=[endpoint_id.lower() for endpoint_id in endpoint_ids])


def delete_user_endpoints(*, project: Project, user_id: str) -> int:
    """Delete a user with all of his endpoints; how many endpoints he had."""
    with transaction.atomic():
        return removal.remove(project_id=project.pk, user_ids=[user_id])


def _read(place: int, document: Mapping[str, Any]) -> Item | Refused:
    item = Item(line=place)
    try:
        _check_text(document)
        take_document(item, dict(document))
        rules.check_counts(item.attributes, item.user_attributes)
        if not item.endpoint_id:
            raise ItemRefused("id_missing", "Id")
    except ItemRefused as refusal:
        return Refused(line=place, column=refusal.column, code=refusal.code, params=refusal.params, raw="")
    return item


def _check_text(document: Mapping[str, Any]) -> None:
    """Half a surrogate pair and NUL are in JSON, but in no text of PostgreSQL's."""
    try:
        if b"\\u0000" in orjson.dumps(document):
            raise ItemRefused("nul")
    except orjson.JSONEncodeError as fault:
        raise ItemRefused("json", reason=str(fault)[:200]) from None


def _names(item: Item) -> set[catalogue.Name]:
    kinds = (
        (AttributeKind.ATTRIBUTE, item.attributes),
        (AttributeKind.USER_ATTRIBUTE, item.user_attributes),
        (AttributeKind.METRIC, item.metrics),
    )
    return {(str(kind), name) for kind, some in kinds for name in some}


def _check_room(project: Project, lines: list[Item | Refused], names: Mapping[int, set[catalogue.Name]]) -> None:
    """Refuse the items with more new attribute names than the project has room for."""
    left = catalogue.room(project=project)
    taken = set().union(*names.values()) - catalogue.unknown_names(project=project, names=set().union(*names.values()))
    for place, line in enumerate(lines):
        new = names.get(line.line, set()) - taken
        if len(new) > left:
            limit = {"limit": settings.ATTRIBUTE_NAMES_LIMIT}
            lines[place] = Refused(line=line.line, column="", code="names_full", params=limit, raw="")
        else:
            left -= len(new)
            taken |= new


def _note_names(project: Project, folded: Folded, unknown: set[catalogue.Name]) -> None:
    maps: dict[str, list[Mapping[str, Any]]] = {
        AttributeKind.ATTRIBUTE: [item.attributes for item in folded.endpoints.values()],
        AttributeKind.USER_ATTRIBUTE: list(folded.users.values()),
        AttributeKind.METRIC: [item.metrics for item in folded.endpoints.values()],
    }
    found = {}
    for kind, some in maps.items():
        held = {name for values in some for name in values} & {name for one, name in unknown if one == kind}
        texts = {name: [v[0] for values in some if (v := values.get(name)) and kind != AttributeKind.METRIC] for name in held}
        found[AttributeKind(kind)] = {name: look_like_dates(values) for name, values in texts.items()}
    catalogue.note_names(project=project, names=found)
