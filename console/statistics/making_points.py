"""The page that makes a segment of a point of a picture."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from console.statistics import makers  # noqa: F401  (they register what the points of their pictures are)
from console.statistics.forms import DaysForm
from console.statistics.frame import today
from console.statistics.points import Asked, Point, PointRefused, point_of
from core import clock
from core.audience import Audience
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role
from segments import evaluation, wording
from segments.models import Segment
from segments.services import segments


@login_required
def make_point_segment(request: HttpRequest, project_id: str) -> HttpResponse:
    """Shows who the point is; posted, makes the segment under the name that was given."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    context: dict[str, Any] = {}
    try:
        point = point_of(request.GET.get("chart", ""), _asked(request, access))
        if request.method == "POST":
            segment = _made(access, point, request.POST.get("name", "").strip()[:128] or point.name[:128])
            messages.success(request, _("The segment was made."))
            return redirect("segments:show-segment", project_id, segment.public_id)
        context = {"point": point, "name": point.name[:128], "size": len(_members(access, point))}
        if point.document is not None:
            context["sentence"] = wording.sentence(project=access.project, document=point.document)
    except Refusal as refusal:
        context = {"refusal": refusal.message}
    return render(request, "console/statistics/point.html", context)


def _asked(request: HttpRequest, access: Access) -> Asked:
    form = DaysForm(request.GET, today=today(access), zone=access.project.time_zone)
    return Asked(
        project=access.project, days=form.days(), series=request.GET.get("series", ""), label=request.GET.get("label", ""),
        query=request.GET, now=clock.now(),
    )  # fmt: skip


def _members(access: Access, point: Point) -> Audience:
    """Who is still there."""
    everybody = evaluation.evaluate_document(project_id=access.project.pk, document=point.document or {}, now=clock.now())
    return everybody if point.document is not None else (point.members or Audience()) & everybody


def _made(access: Access, point: Point, name: str) -> Segment:
    given: dict[str, Any] = {"project": access.project, "actor": access.user, "name": name, "now": clock.now()}
    if point.document is not None:
        return segments.create_segment(document=point.document, **given)
    members = _members(access, point)
    if not members:
        raise PointRefused(_("Nobody is behind this point any more."))
    return segments.create_fixed_segment(members=members, **given)
