"""What others changed in a draft since the version that a page shows: which steps, who, and when."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import parts, wording
from campaigns.models import Campaign, CampaignVersion
from projects.models import User


@dataclass(frozen=True, slots=True)
class StepChange:
    """A step that says something else than it did. ``version``: the latest that changed it, if that is known."""

    step: str
    version: CampaignVersion | None

    def sentence(self, *, actor: User | None) -> str:
        """For ``actor``, who looked at the step before it was changed."""
        given = {"step": wording.step_labels()[self.step]}
        if self.version is None:
            return _("The step “%(step)s” was changed after this page was loaded.") % given
        given["at"] = f"{timezone.localtime(self.version.created_at):%Y-%m-%d %H:%M}"
        if self.version.created_by is None:
            return _("The step “%(step)s” was changed on %(at)s, after this page was loaded.") % given
        if self.version.created_by == actor:
            return _("You changed the step “%(step)s” in another window on %(at)s, after this page was loaded.") % given
        given["who"] = str(self.version.created_by)
        return _("%(who)s changed the step “%(step)s” on %(at)s, after this page was loaded.") % given


def changed_steps(*, held: Campaign, base_version: int, among: Sequence[str] = parts.STEPS[:-1]) -> list[StepChange]:
    """Those of the steps that don't say any more what they said in ``base_version``; all of them when there is no such version."""
    if base_version == held.version:
        return []
    kept = CampaignVersion.objects.filter(campaign=held, version__gte=base_version)
    versions = list(kept.select_related("created_by").order_by("version"))
    found = [_changed(held, versions, base_version, step) for step in among]
    return [change for change in found if change is not None]


def _changed(held: Campaign, versions: list[CampaignVersion], base_version: int, step: str) -> StepChange | None:
    said = [parts.part(step=step, name=one.name, document=one.document) for one in versions]
    now_said = parts.part(step=step, name=held.name, document=held.document)
    if versions and versions[0].version == base_version and said[0] == now_said:
        return None
    newer = [one for (one, (before, after)) in zip(versions[1:], itertools.pairwise(said), strict=True) if before != after]
    return StepChange(step=step, version=newer[-1] if newer else None)
