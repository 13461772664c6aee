"""Two segments compared, and a segment made of what they share or don't."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role
from segments import comparing, queries
from segments.models import Segment
from segments.services import segments

_CHOICES = 1000


def compare_segments(request: HttpRequest, project_id: str) -> HttpResponse:
    is_post = request.method == "POST"
    access = project_or_404(request, project_id, at_least=Role.MARKETER if is_post else Role.VIEWER)
    given = request.POST if is_post else request.GET
    choices = list(queries.listed_segments(project=access.project)[:_CHOICES])
    by_id = {segment.public_id: segment for segment in choices}
    first, second = by_id.get(given.get("first", "")), by_id.get(given.get("second", ""))
    if is_post:
        return _make(request, access, first, second)
    context: dict[str, Any] = {"choices": choices, "first": first, "second": second, "tab": "segments"}
    if first is not None and second is not None:
        try:
            context["found"] = comparing.compare(project=access.project, first=first, second=second, now=clock.now())
        except Refusal as refusal:
            context["refusal"] = refusal.message
    return render(request, "segments/compare.html", context)


def _make(request: HttpRequest, access: Access, first: Segment | None, second: Segment | None) -> HttpResponse:
    """A dynamic segment of the part that was chosen."""
    if first is None or second is None:
        messages.error(request, _("Choose two segments."))
        return redirect("segments:compare-segments", access.project.public_id)
    names = {"first": first.name, "second": second.name}
    match request.POST.get("part"):
        case "both":
            name, document = (
                _("%(first)s and %(second)s"),
                comparing.overlap_document(first=first.public_id, second=second.public_id),
            )
        case "second":
            name = _("%(second)s without %(first)s")
            document = comparing.difference_document(first=second.public_id, second=first.public_id)
        case _:
            name = _("%(first)s without %(second)s")
            document = comparing.difference_document(first=first.public_id, second=second.public_id)
    try:
        made = segments.create_segment(
            project=access.project, actor=access.user, name=(name % names)[:128], document=document, now=clock.now()
        )
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("segments:compare-segments", access.project.public_id)
    messages.success(request, _("The segment is saved."))
    return redirect("segments:show-segment", access.project.public_id, made.public_id)
