"""Which members a run is about: its treatment's, or those who waited for the winner; and whose address another treatment wrote to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from campaigns.models import Campaign, Run, RunExclusion
from campaigns.treatments.definition import is_divided, line
from campaigns.treatments.split import Cut, cut, divided
from core.audience import Audience
from endpoints import eligibility

_HOLDOUT = 0  # its place on the line; the treatments follow


@dataclass(frozen=True, slots=True)
class Membership:
    """``members`` are those that the run is about, ``held_out`` some of them."""

    members: Audience
    held_out: Audience


def membership(*, run: Run, members: Audience) -> Membership:
    """The run's part of all the members. Those who are held out count with the default treatment, so that everybody counts once."""
    document = run.campaign.document
    if not is_divided(document):
        return Membership(members, Audience())
    parts = divided(members, key=run.campaign.public_id, cut=_kept_cut(run.campaign, members))
    held = parts[_HOLDOUT]
    if run.is_rest:
        return Membership(members - held - _tested(run), Audience())
    own = parts[1 + run.treatment]
    return Membership(own | held, held) if run.treatment == 0 else Membership(own, Audience())


def _kept_cut(campaign: Campaign, members: Audience) -> Cut:
    """The campaign's cuts. The first audience sets them; of two that do so at once the one that is written first holds."""
    wanted = [float(share) for share in line(campaign.document)]
    made = cut(members, key=campaign.public_id, shares=wanted)
    with transaction.atomic():
        held = Campaign.objects.select_for_update(of=("self",), no_key=True).only("split").get(pk=campaign.pk)
        if held.split and held.split["shares"] == wanted:
            return Cut(shares=tuple(wanted), ends=tuple(held.split["ends"]))
        Campaign.objects.filter(pk=campaign.pk).update(split={"shares": wanted, "ends": list(made.ends)})
    return made


def _tested(run: Run) -> Audience:
    """Whoever a run of this occurrence was about."""
    tests = Run.objects.filter(campaign_id=run.campaign_id, occurrence_at=run.occurrence_at, is_rest=False)
    frozen = (one.audience or Audience() for one in tests.only("audience"))
    excluded = (one.members for one in RunExclusion.objects.filter(run__in=tests).only("members"))
    return Audience.union([*frozen, *excluded])


def written_to_elsewhere(*, run: Run, audience: Audience, channels: Sequence[str]) -> Audience:
    """Those whose address another treatment has written to, or is about to, since this treatment's run before.

    Two endpoints of one address are in different treatments only when the audience changed between two runs. The caller holds the
    campaign, so that two freezes at once see each other.
    """
    mine = Q(treatment=run.treatment, is_rest=run.is_rest)
    runs = Run.objects.filter(campaign_id=run.campaign_id)
    earlier = runs.filter(mine, occurrence_at__lt=run.occurrence_at)
    before = earlier.order_by("-occurrence_at").values_list("occurrence_at", flat=True).first()
    others = runs.exclude(mine).exclude(audience=None)
    if before is not None:
        others = others.filter(occurrence_at__gt=before)
    theirs = Audience.union(one.audience or Audience() for one in others.only("audience"))
    if not theirs or not audience:
        return Audience()
    return eligibility.sharing_an_address(project_id=run.project_id, members=audience, others=theirs, channels=channels)
