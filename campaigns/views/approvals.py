"""A campaign that waits for approval: what would be launched, and the buttons of its author and of who approves."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import approval
from campaigns.forms import AnswerForm, NoteForm
from campaigns.models import Campaign
from campaigns.services import approvals
from campaigns.views import reviewing
from campaigns.views.access import campaign_or_404, whole_number
from core import clock
from core.errors import Refusal
from projects.access import Access
from projects.models import Role


def approval_page(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    """The whole review for everybody; whoever may approve it finds the buttons below."""
    asked = approval.open_request(campaign=campaign)
    if asked is None:  # decided since the campaign was read
        return redirect("campaigns:show-campaign", access.project.public_id, campaign.public_id)
    now = clock.now()
    made, passed = approval.as_approved(campaign=campaign, asked_at=asked.asked_at, now=now)
    found = approval.findings(campaign=campaign, request=asked, now=now)
    authors = approval.authors(campaign=campaign)
    context: dict[str, Any] = reviewing.review_context(access=access, campaign=campaign, findings=found, said_by=made)
    context |= reviewing.approval_context(access=access, campaign=campaign)
    context |= {
        "campaign": campaign, "asked": asked, "outdated": approval.outdated(campaign=campaign, request=asked, actor=access.user),
        "is_author": access.user.pk in authors, "starts_at_once": bool(passed), "approval": {"request": asked.pk},
        "answer_form": AnswerForm(auto_id="answer-%s"), "note_form": NoteForm(auto_id="note-%s"),
    }  # fmt: skip
    return render(request, "campaigns/approval.html", context)


@require_POST
def ask_for_approval(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """Ask for what the review showed."""
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    base, form = whole_number(request.POST.get("base", "")), NoteForm(request.POST)
    if base is None or not form.is_valid():
        text = (
            _("Review the campaign before you ask for its approval.") if base is None else _("A note has at most 500 characters.")
        )
        messages.error(request, text)
        return redirect("campaigns:edit-campaign", project_id, campaign_id, "review")
    try:
        approvals.ask(
            campaign=campaign, actor=access.user, now=clock.now(), note=form.cleaned_data["note"], base_version=base,
            segment_version=whole_number(request.POST.get("segment_version", "")), base_message=request.POST.get("message", "")[:64],
        )  # fmt: skip
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("campaigns:edit-campaign", project_id, campaign_id, "review")
    return redirect("campaigns:show-campaign", project_id, campaign_id)


@require_POST
def withdraw_approval(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    try:
        approvals.withdraw(campaign=campaign, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("campaigns:show-campaign", project_id, campaign_id)


@require_POST
def approve_campaign(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """Launch the request that the page showed."""
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    asked = whole_number(request.POST.get("request", "")) or 0
    try:
        approvals.approve(campaign=campaign, actor=access.user, request_id=asked, now=clock.now())
    except Refusal as refusal:
        messages.error(request, _("%(why)s Nothing was launched.") % {"why": refusal.message})
    return redirect("campaigns:show-campaign", project_id, campaign_id)


@require_POST
def send_back_campaign(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    asked, form = whole_number(request.POST.get("request", "")) or 0, AnswerForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Write what is to be mended, in at most 1,000 characters."))
        return redirect("campaigns:show-campaign", project_id, campaign_id)
    try:
        approvals.send_back(
            campaign=campaign, actor=access.user, request_id=asked, answer=form.cleaned_data["answer"], now=clock.now()
        )
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("campaigns:show-campaign", project_id, campaign_id)
    return redirect("campaigns:list-campaigns", project_id)
