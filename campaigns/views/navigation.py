"""The wizard's steps above each of its pages."""

from __future__ import annotations

from typing import Any

from campaigns import parts, review, wording
from campaigns.models import Campaign
from core import clock


def step_navigation(campaign: Campaign | None, current: str) -> list[dict[str, Any]]:
    """The navigation: each step, and whether something is missing in it."""
    labels = wording.step_labels()
    wrong = (
        {finding.step for finding in review.findings(campaign=campaign, now=clock.now()) if finding.is_error}
        if campaign
        else set()
    )
    return [
        {
            "key": key,
            "label": labels[key],
            "number": number,
            "is_current": key == current,
            "is_done": campaign is not None and key != "review" and key not in wrong,
        }
        for number, key in enumerate(parts.STEPS, start=1)
    ]
