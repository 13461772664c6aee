"""Writing segments as Pinpoint's API does: a whole WriteSegmentRequest, which must be able to say everything that is stored."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import Refusal
from projects.models import Project, User
from segments import pinpoint
from segments.evaluation import parse_document
from segments.evaluation.values import is_storable
from segments.models import Segment
from segments.services import segments

NAME_LENGTH = 128


class RequestRefused(Refusal):
    """The request can't be stored as it is."""


class SegmentExtended(RequestRefused):
    """The segment says more than Pinpoint's model can carry: a request would silently take that away, and widen the audience."""


def create_from_request(*, project: Project, actor: User | None, request: dict[str, Any], now: datetime.datetime) -> Segment:
    """CreateSegment. ``request`` has the shape of Pinpoint's WriteSegmentRequest.

    Raises ``RequestRefused``, ``SegmentExtended`` for the part of an extended segment, or ``DefinitionRefused``.
    """
    document = stored_document(request)
    if not request.get("Name"):
        raise RequestRefused(_("Give the segment a name."))
    return segments.create_segment(project=project, actor=actor, name=request["Name"], document=document, now=now)


def update_from_request(*, segment: Segment, actor: User | None, request: dict[str, Any], now: datetime.datetime) -> Segment:
    """UpdateSegment: the next version. Without ``Name`` the name stays; tags are written by CreateSegment only, as in Pinpoint.

    Raises ``RequestRefused``, ``SegmentExtended``, ``SegmentNotEditable`` or ``DefinitionRefused``.
    """
    document = stored_document(request)
    with transaction.atomic():
        locked = Segment.objects.select_for_update(of=("self",)).get(pk=segment.pk)
        if pinpoint.pinpoint_definition(locked.versions.get(version=locked.version).document).is_extended:
            raise SegmentExtended(
                _(
                    "This segment has filters that Pinpoint's API can't say, and a request would take them away. Change it in the console."
                )
            )
        return segments.update_segment(
            segment=locked, actor=actor, document=document, name=request.get("Name") or locked.name, now=now
        )


def stored_document(request: dict[str, Any]) -> dict[str, Any]:
    """What is stored of a WriteSegmentRequest. Raises ``RequestRefused``, ``SegmentExtended`` or ``DefinitionRefused``."""
    if not is_storable(request):
        raise RequestRefused(_("The request holds a character that can't be stored (NUL, or half of a surrogate pair)."))
    parse_document(request)
    if len(request.get("Name", "")) > NAME_LENGTH:
        raise RequestRefused(_("A segment's name has at most %(limit)s characters.") % {"limit": NAME_LENGTH})
    if pinpoint.EXTENDED_TAG in request.get("tags", {}):
        raise SegmentExtended(
            _("The tag “%(tag)s” says that this is only a part of a segment: written as a whole it would hold other endpoints.")
            % {"tag": pinpoint.EXTENDED_TAG}
        )
    if pinpoint.has_own_members(request):
        raise RequestRefused(_("Pinpoint's API has no “Pabal” members. Build such a segment in the console."))
    return {key: value for key, value in request.items() if key != "Name"}
