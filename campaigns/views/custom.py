"""The message step of a custom channel: what is called, for whom, and what it would be told; tried with one member."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import channels, forms, review
from campaigns.models import Campaign
from campaigns.services import test_call
from campaigns.views import reviewing, step_page
from campaigns.views import treatments as treatment_pages
from campaigns.views.access import campaign_or_404
from core import clock
from core.errors import Refusal
from endpoints.queries import EndpointRow, endpoint_rows
from projects.access import Access
from projects.models import Role


def edit_custom(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    form = forms.CustomForm(request.POST or None, initial=forms.custom_initial(campaign.document))
    said: dict[str, Any] = {}
    if form.is_valid():
        refused = step_page.refused(access, campaign, "message", form, form.part(), request)
        if refused is None:
            return step_page.go_on(request, campaign, "message")
        said = refused
    is_saved = bool(channels.custom_of(campaign.document).uri)
    findings = review.message_findings(campaign=campaign) if is_saved else []
    member = _member(campaign)
    example = test_call.request(campaign=campaign, row=member, now=clock.now()) if member and is_saved else None
    shown = json.dumps(example, ensure_ascii=False, indent=2) if example else ""
    context: dict[str, Any] = {
        "form": form,
        "findings": findings,
        "example": shown,
        "member": member,
        "is_saved": is_saved,
        **said,
    }
    return step_page.page(request, campaign, "message", look="custom", **context)


@require_POST
def call_test(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """Call what is saved, with the segment's first member that it concerns."""
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    if not channels.is_custom(campaign.document):
        raise Http404
    campaign = treatment_pages.of_step(request, campaign, "message")
    try:
        answer = test_call.call_once(campaign=campaign, actor=access.user, row=_member(campaign), now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("It was called and answered: %(answer)s") % {"answer": answer or _("nothing")})
    if request.headers.get("HX-Request"):
        return render(request, "components/messages.html")
    return redirect("campaigns:edit-campaign", project_id, campaign_id, "message")


def _member(campaign: Campaign) -> EndpointRow | None:
    audience = reviewing.audience(campaign)
    if audience is None:
        return None
    rows = endpoint_rows(project_id=campaign.project_id, ids=audience.after(endpoint_id=0, limit=100))
    types = channels.endpoint_types(campaign.document)
    return next((row for row in rows if row.document.get("ChannelType") in types), None)
