"""The list of campaigns, a campaign's page with its numbers, and the people behind each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Min
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from analytics.hit_classes import COUNTED, read_classes
from campaigns import approval, channels, lifecycle, limits, past, queries, schedule, wording
from campaigns.colours import COLOURS
from campaigns.models import Campaign, CampaignState, RunState, Treatment
from campaigns.services import drafts, launch, occurrences, restored
from campaigns.views import approvals
from campaigns.views import treatments as treatment_pages
from campaigns.views.access import campaign_or_404
from core import clock, keyset
from core.errors import Refusal
from projects.access import operator_or_404, project_or_404
from projects.models import Role
from segments import queries as segment_queries

_PAGE = 50


def list_campaigns(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    search, before = request.GET.get("q", "").strip(), keyset.position(request.GET.get("before", ""))
    found = queries.campaigns(project=access.project)
    if search:
        found = found.filter(name__icontains=search)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: _PAGE + 1])
    treatments = Treatment.objects.filter(campaign__in=rows).values_list("campaign_id")
    due = dict(treatments.annotate(next=Min("next_run_at")).values_list("campaign_id", "next"))
    lines = [{"campaign": one, "colour": COLOURS.get(one.state), "next_run_at": due.get(one.pk)} for one in rows[:_PAGE]]
    waiting = approval.waiting(project=access.project)[:_PAGE] if not search and before is None else []
    context = {
        "lines": lines,
        "waiting": waiting,
        "search": search,
        "next_before": rows[_PAGE - 1].pk if len(rows) > _PAGE else None,
    }
    return render(request, "campaigns/list.html", context)


def show_campaign(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id)
    if campaign.is_draft:
        return redirect("campaigns:edit-campaign", project_id, campaign_id, "review")
    if campaign.is_pending_approval:
        return approvals.approval_page(request, access, campaign)
    classes = read_classes(request.GET.getlist("count"))
    context: dict[str, Any] = {
        "campaign": campaign,
        "colour": COLOURS.get(campaign.state),
        "summary": queries.campaign_summary(campaign=campaign, classes=classes),
        "choices": wording.class_choices(classes),
        "counted": "" if classes == COUNTED else urlencode([("count", one.label) for one in classes]),
        "waiting": limits.waiting(campaign_id=campaign.pk, zone=campaign.project.time_zone, now=clock.now()),
        "can_pause": lifecycle.can(campaign=campaign, to=CampaignState.PAUSED),
        "server_trouble": wording.server_trouble(campaign, list(campaign.runs.filter(state=RunState.RUNNING))),
        "next_run_at": campaign.treatments.aggregate(next=Min("next_run_at"))["next"],
        **treatment_pages.comparison(campaign),
        "doubt": queries.in_doubt(campaign=campaign),
        "send_again": {"choice": "send-again"},
    }
    if request.headers.get("HX-Request"):
        numbers = render(request, "campaigns/_numbers.html", context)
        if request.GET.get("state", campaign.state) != campaign.state:
            numbers["HX-Refresh"] = "true"  # the buttons and the next runs beside the numbers are those of the state before
        return numbers
    plan = occurrences.schedule_of(campaign=campaign, document=campaign.document, launched_at=campaign.launched_at or clock.now())
    context["has_mail"] = not channels.is_custom(campaign.document)
    context["sentence"] = wording.sentence(plan)
    context["past"] = past.past_of(campaign=campaign)
    context["moments"] = _coming(campaign, plan)
    context["limits"] = limits.sentences(campaign.document, project=campaign.project, now=clock.now())
    return render(request, "campaigns/show.html", context)


def _coming(campaign: Campaign, plan: schedule.Schedule) -> list[wording.Moment]:
    if campaign.state not in (CampaignState.SCHEDULED, CampaignState.PENDING_NEXT_RUN, CampaignState.EXECUTING):
        return []
    return wording.moments(plan, now=clock.now())


def list_people(request: HttpRequest, project_id: str, campaign_id: str, what: str) -> HttpResponse:
    _access, campaign = campaign_or_404(request, project_id, campaign_id)
    found = queries.people_behind(campaign=campaign, what=what, classes=read_classes(request.GET.getlist("count")))
    if found is None:
        raise Http404
    label, members = found
    after = keyset.position(request.GET.get("after", "")) or 0
    people = queries.people(campaign=campaign, members=members, after=after, limit=_PAGE + 1)
    context = {
        "campaign": campaign, "label": label, "total": len(members), "people": people[:_PAGE],
        "next_after": people[_PAGE - 1].id if len(people) > _PAGE else None,
    }  # fmt: skip
    return render(request, "campaigns/people.html", context)


def find_person(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """Why did, or didn't, somebody get it?"""
    access, campaign = campaign_or_404(request, project_id, campaign_id)
    text = request.GET.get("q", "").strip()
    ids = segment_queries.find_endpoint(project_id=access.project.pk, text=text.lower()) if text else []
    context = {
        "campaign": campaign, "q": text, "is_found": bool(ids),
        "fates": queries.fates(campaign=campaign, endpoint_id=ids[0]) if ids else [],
    }  # fmt: skip
    return render(request, "campaigns/person.html", context)


def _act(request: HttpRequest, project_id: str, campaign_id: str, act: Callable[..., None]) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    try:
        act(campaign=campaign, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    if act is launch.delete_campaign:
        return redirect("campaigns:list-campaigns", project_id)
    return redirect("campaigns:show-campaign", project_id, campaign_id)


@require_POST
def pause_campaign(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    return _act(request, project_id, campaign_id, launch.pause_campaign)


@require_POST
def resume_campaign(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    return _act(request, project_id, campaign_id, launch.resume_campaign)


@require_POST
def decide_restored(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """After a restore: go on without those who may have got it, or (operators only) to them, too."""
    if request.POST.get("choice") != "send-again":
        return _act(request, project_id, campaign_id, restored.leave_out)
    campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    operator_or_404(request)
    return _act(request, project_id, campaign_id, restored.send_again)


@require_POST
def delete_campaign(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    return _act(request, project_id, campaign_id, launch.delete_campaign)


@require_POST
def duplicate_campaign(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    copy = drafts.duplicate_campaign(campaign=campaign, actor=access.user, now=clock.now())
    return redirect("campaigns:edit-campaign", project_id, copy.public_id, "name")
