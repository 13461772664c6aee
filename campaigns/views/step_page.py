"""What all steps of the wizard share: the page around them, saving, and going on."""

from __future__ import annotations

from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from campaigns import parts
from campaigns.models import Campaign
from campaigns.services import steps
from campaigns.views import treatments as treatment_pages
from campaigns.views.access import base_version, whole_number
from campaigns.views.navigation import step_navigation
from core import clock
from core.errors import Refusal
from projects.access import Access


def page(request: HttpRequest, campaign: Campaign, step: str, *, look: str = "", **context: Any) -> HttpResponse:
    """``look``: another template than the step's own."""
    base = whole_number(request.POST.get("base", "")) or campaign.version
    context |= treatment_pages.step_context(request, campaign, step)
    navigation = step_navigation(treatment_pages.whole(request, campaign, step), step)
    context |= {"campaign": campaign, "steps": navigation, "step": step, "base": base}
    return render(request, f"campaigns/step_{look or step}.html", context)


def refused(
    access: Access, campaign: Campaign, step: str, form: BaseForm, part: parts.Part, request: HttpRequest
) -> dict[str, Any] | None:
    """Save a step. None: it is saved; else what the page is to say, above what was typed."""
    try:
        steps.save_step(
            campaign=campaign, actor=access.user, step=step, part=part, now=clock.now(), base_version=base_version(request),
            treatment=treatment_pages.number_of(request, campaign, step),
        )  # fmt: skip
    except steps.StepChanged as changed:
        return {"collision": changed}
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return {}
    return None


def go_on(request: HttpRequest, campaign: Campaign, step: str) -> HttpResponse:
    within = treatment_pages.after_step(request, campaign, step)
    if within is not None:
        return within
    following = step if "stay" in request.POST else parts.STEPS[parts.STEPS.index(step) + 1]
    return redirect("campaigns:edit-campaign", campaign.project.public_id, campaign.public_id, following)
