"""Why did so many not get it: from the members to those who were sent to, and between them everybody who fell out, by reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.models import ExclusionReason, Outcome


@dataclass(frozen=True, slots=True)
class Stage:
    """``what`` names the people behind the number; ``percent`` is of the targeted; ``is_loss``: they fell out here."""

    what: str
    label: str
    total: int
    percent: float
    is_loss: bool


@dataclass(frozen=True, slots=True)
class Funnel:
    """From top to bottom each loss is taken from the stage above it. ``unused`` are the reasons that nobody fell out for."""

    stages: list[Stage]
    unused: list[str]


def funnel(*, targeted: int, frozen: int, excluded: Mapping[str, int], outcomes: Mapping[str, int]) -> Funnel:
    """``excluded`` by ``ExclusionReason``, ``outcomes`` by ``Outcome``; together with who still waits they are the targeted."""

    def stage(what: str, label: object, total: int, *, is_loss: bool = True) -> Stage:
        return Stage(what, str(label), total, round(100 * total / targeted, 1) if targeted else 0.0, is_loss)

    left_out = [stage(f"excluded-{one.value}", one.label, excluded.get(one, 0)) for one in ExclusionReason]
    failed = [stage(f"outcome-{one.value}", one.label, outcomes.get(one, 0)) for one in Outcome if one != Outcome.SUCCESS]
    waiting = frozen - sum(outcomes.values())
    stages = [
        stage("targeted", _("Targeted"), targeted, is_loss=False),
        *(one for one in left_out if one.total),
        stage("frozen", _("To be sent to"), frozen, is_loss=False),
        *(one for one in failed if one.total),
        *([stage("waiting", _("Not attempted yet"), waiting)] if waiting else []),
        stage("outcome-SUCCESS", _("Sent"), outcomes.get(Outcome.SUCCESS, 0), is_loss=False),
    ]
    return Funnel(stages=stages, unused=[one.label for one in (*left_out, *failed) if not one.total])
