"""A funnel as it is asked for, and segments of its steps."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.utils.translation import gettext as _

from analytics.event_names import spoken_names_of
from analytics.statistics.funnel import Reached, funnel
from console.statistics.forms import FunnelForm
from core.audience import Audience
from core.errors import Refusal
from projects.models import Project, User
from segments import evaluation
from segments.models import Segment
from segments.services import segments


class FunnelRefused(Refusal):
    """A funnel that can't be made a segment of."""


def funnel_of(*, project: Project, form: FunnelForm, now: datetime.datetime) -> list[Reached]:
    """``form`` is valid. Raises ``Refusal`` when its segment can't be evaluated."""
    among: Audience | None = None
    if form.cleaned_data["segment"]:
        among = evaluation.evaluate_segment(project_id=project.pk, segment_id=form.cleaned_data["segment"], now=now)
    within = datetime.timedelta(hours=form.cleaned_data["hours"])
    return funnel(project_id=project.pk, kinds=form.kinds(), days=form.days(), within=within, among=among)


def segment_of_step(
    *, project: Project, actor: User, form: FunnelForm, step: str, dropped: bool, now: datetime.datetime
) -> Segment:
    """Whoever came as far as a step (from 1), or, ``dropped``, came to the one before and not to this. Raises ``Refusal``."""
    if not form.is_valid():
        raise FunnelRefused(_("Choose the steps again."))
    steps = funnel_of(project=project, form=form, now=now)
    number = int(step) if step.isascii() and step.isdigit() else 0
    if not 1 <= number <= len(steps) or (dropped and number == 1):
        raise FunnelRefused(_("Choose the steps again."))
    members = _members(steps, number, dropped)
    if not members:
        raise FunnelRefused(_("Nobody is in this part of the funnel."))
    name = spoken_names_of(project_id=project.pk).get(steps[number - 1].kind, "")
    title = _("Not as far as %(step)s") if dropped else _("As far as %(step)s")
    return segments.create_fixed_segment(
        project=project, actor=actor, name=(title % {"step": name})[:128], members=members, now=now
    )  # fmt: skip


def _members(steps: Sequence[Reached], number: int, dropped: bool) -> Audience:
    here = steps[number - 1].members
    return steps[number - 2].members - here if dropped else here
