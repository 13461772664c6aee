"""The treatments of a draft: their names, shares and winner; and which of them a step of the wizard is about."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from campaigns import channels, parts, queries, review, schedule, template_use, treatments, wording
from campaigns.forms import TreatmentsForm
from campaigns.models import Campaign, WinnerTest
from campaigns.sending.message import content_of
from campaigns.services import steps, winners
from campaigns.treatments import editing, figures
from campaigns.views.access import base_version, campaign_or_404, whole_number
from campaigns.views.navigation import step_navigation
from core import clock
from core.errors import Refusal
from messaging.rendering import MessageContent
from projects.models import Role

_FIRST = 0


@dataclass(frozen=True, slots=True)
class Tab:
    """A treatment above a step's form, and in the picture of the shares: ``start`` and ``share`` are percents of its width."""

    number: int
    name: str
    share: int
    start: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """What a treatment sends, and when. ``sentence`` or ``refusal`` is empty."""

    tab: Tab
    content: MessageContent
    sentence: str
    refusal: str
    called: str = ""  # what a custom channel calls


def asked(request: HttpRequest) -> int:
    """The number of the treatment that a page is about (``?treatment=``); 0 for anything that is none."""
    text = request.GET.get("treatment", "")
    return int(text) if text in {str(number) for number in range(treatments.MOST)} else _FIRST


def number_of(request: HttpRequest, campaign: Campaign, step: str) -> int:
    """The treatment that a step's form is about; 0 where the step is the same for all."""
    return asked(request) if step == treatments.varied_step(campaign.document) else _FIRST


def of_step(request: HttpRequest, campaign: Campaign, step: str) -> Campaign:
    """The campaign as a step shows it: what it says for the treatment that is asked for, where each has its own."""
    number = asked(request)
    if step != treatments.varied_step(campaign.document) or number == _FIRST:
        return campaign
    if number not in treatments.numbers(campaign.document):
        raise Http404
    return review.of_treatment(campaign=campaign, number=number)


def whole(request: HttpRequest, campaign: Campaign, step: str) -> Campaign:
    """The campaign with all its treatments: ``of_step`` may have put one of them in the default one's place."""
    if not number_of(request, campaign, step):
        return campaign
    return Campaign.objects.select_related("project", "created_by").get(pk=campaign.pk)


def tabs(campaign: Campaign, current: int) -> list[Tab]:
    """One for each treatment, in the order of their numbers."""
    found, start = [], 0
    shares = treatments.shares(campaign.document)
    for number, name in enumerate(treatments.names(campaign.document)):
        share = max(0, shares[number])
        found.append(Tab(number, name, share, start, number == current))
        start += share
    return found


def step_context(request: HttpRequest, campaign: Campaign, step: str) -> dict[str, Any]:
    """For a step's page: its tabs (none where the step is the same for all), and what its addresses add for the treatment."""
    if step != treatments.varied_step(campaign.document):
        return {}
    number = asked(request)
    return {"tabs": tabs(campaign, number), "treatment": number, "held": campaign.document.get("HoldoutPercent") or 0}


def after_step(request: HttpRequest, campaign: Campaign, step: str) -> HttpResponse | None:
    """Where a saved step goes on to within itself: another tab, or the names and shares; None: where steps usually go."""
    tab = request.POST.get("tab", "")
    place = reverse("campaigns:edit-campaign", args=[campaign.project.public_id, campaign.public_id, step])
    if tab == "shares":
        return redirect("campaigns:edit-treatments", campaign.project.public_id, campaign.public_id)
    if tab.isascii() and tab.isdecimal() and len(tab) == 1:
        return redirect(f"{place}?treatment={tab}")
    if "stay" in request.POST and asked(request) and step == treatments.varied_step(campaign.document):
        return redirect(f"{place}?treatment={asked(request)}")
    return None


def review_lines(campaign: Campaign) -> list[ReviewLine]:
    """Each treatment for the review; none for a campaign of one."""
    if not treatments.varied_step(campaign.document):
        return []
    with contextlib.suppress(template_use.TemplateGone):  # the findings say so
        campaign = template_use.with_message(campaign)
    found = []
    for tab in tabs(campaign, current=-1):
        document = treatments.definition(campaign.document, tab.number)
        message = document.get("MessageConfiguration", {}).get("EmailMessage", {})
        content = content_of({"Message": message, "Pabal": document.get("Pabal", {})})
        sentence = refusal = ""
        try:
            if document.get("Schedule", {}).get("StartTime"):  # the list of what is missing says it otherwise
                sentence = wording.sentence(_plan(campaign, document))
        except schedule.ScheduleRefused as error:
            refusal = error.message
        called = channels.custom_of(document).uri if channels.is_custom(document) else ""
        found.append(ReviewLine(tab, content, sentence, refusal, called))
    return found


def winner_sentence(campaign: Campaign) -> str:
    """How the winner is chosen; empty when none is."""
    test = treatments.winner(campaign.document)
    return wording.winner(test) if test else ""


def comparison(campaign: Campaign) -> dict[str, Any]:
    """For the campaign's page: the treatments side by side, and the choice of a winner."""
    lines = figures.lines(campaign=campaign)
    if not lines:
        return {}
    test = campaign.winner_tests.select_related("chosen_by").order_by("-occurrence_at").first()
    said = treatments.winner(campaign.document)
    return {
        "treatments": lines,
        "test": test,
        "winner_name": lines[test.winner].name if test is not None and test.winner is not None else "",
        "by_opens": said is None or said.metric == "OPEN",
        "conversion": said.event if said is not None else "",
        "waits": test is not None and test.state == WinnerTest.State.WAITING,
    }


def _plan(campaign: Campaign, document: dict[str, Any]) -> schedule.Schedule:
    return schedule.parse_schedule(
        schedule=document.get("Schedule", {}), pabal=document.get("Pabal", {}), project_zone=campaign.project.time_zone,
        launched_at=clock.now(),
    )  # fmt: skip


def edit_treatments(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """Names, shares and winner. Each button saves them: to stay, to add, copy or remove one, or to go on to the step."""
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    step = treatments.varied_step(campaign.document)
    if not campaign.is_editable or not step:
        return redirect("campaigns:show-campaign", project_id, campaign_id)
    form = TreatmentsForm(request.POST or None, document=campaign.document)
    said: dict[str, Any] = {}
    if form.is_valid():
        try:
            steps.save_step(
                campaign=campaign, actor=access.user, step=step, part=_part(request, campaign, form), now=clock.now(),
                base_version=base_version(request),
            )  # fmt: skip
        except steps.StepChanged as changed:
            said = {"collision": changed}
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            if "next" in request.POST:
                return redirect("campaigns:edit-campaign", project_id, campaign_id, step)
            return redirect("campaigns:edit-treatments", project_id, campaign_id)
    return render(request, "campaigns/treatments.html", _context(request, campaign, form, step) | said)


def _part(request: HttpRequest, campaign: Campaign, form: TreatmentsForm) -> parts.Part:
    """What the form says, and then what its button asks for."""
    document = campaign.document
    said = editing.shared(document, called=form.called(), percents=form.percents(), winner=form.winner())
    varies = treatments.variation(document)
    button, _dash, text = request.POST.get("act", "").partition("-")
    number = int(text) if text in {str(one) for one in range(treatments.MOST)} else _FIRST
    if button == "copy":
        return said.followed(editing.added(said.applied(document), number, varies))
    if button == "remove":
        return said.followed(editing.removed(said.applied(document), number))
    return said


def _context(request: HttpRequest, campaign: Campaign, form: TreatmentsForm, step: str) -> dict[str, Any]:
    found = tabs(campaign, current=-1)
    lines = [
        {
            "tab": tab,
            "name": form[f"name_{tab.number}"],
            "share": form[f"share_{tab.number}"] if tab.number else None,
            "may_be_removed": tab.number and len(found) > 2,  # a test needs two
        }
        for tab in found
    ]
    base = whole_number(request.POST.get("base", "")) or campaign.version
    return {
        "campaign": campaign, "steps": step_navigation(campaign, step), "step": step, "base": base, "form": form, "lines": lines,
        "tabs": found, "held": campaign.document.get("HoldoutPercent") or 0, "has_room": len(found) < treatments.MOST,
        "event_types": queries.event_choices(project_id=campaign.project_id),
    }  # fmt: skip


@require_POST
def choose_winner(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """Send this treatment to the rest now."""
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    text = request.POST.get("treatment", "")
    number = int(text) if text in {str(one) for one in range(treatments.MOST)} else -1
    try:
        winners.choose_by_hand(campaign=campaign, actor=access.user, winner=number, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("campaigns:show-campaign", project_id, campaign_id)
