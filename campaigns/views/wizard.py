"""The wizard of five steps: left and taken up again at any of them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import forms, review, schedule, wording
from campaigns.models import Campaign
from campaigns.sending.message import content_of
from campaigns.services import drafts, launch, test_send
from campaigns.views.access import campaign_or_404
from core import clock, keyset
from core.errors import Refusal
from endpoints.queries import EndpointRow, endpoint_rows
from messaging import queries as messaging_queries
from messaging.rendering import MessageContent, Rendered, TemplateError, compile_content
from messaging.rendering import render as render_message
from messaging.views.mail_policy import mail_policy
from projects.access import Access, project_or_404
from projects.models import Role
from segments import builder, evaluation
from segments import queries as segment_queries
from segments import wording as segment_wording
from segments.models import Segment
from segments.services import segments

STEPS = ("name", "segment", "message", "schedule", "review")


def _step_labels() -> dict[str, str]:
    return {
        "name": _("Name"), "segment": _("Segment"), "message": _("Message"), "schedule": _("Time"), "review": _("Review"),
    }  # fmt: skip


def create_campaign(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = forms.NameForm(request.POST or None)
    if form.is_valid():
        document = {"Pabal": {"Channel": "EMAIL", "Kind": "STANDARD", "Description": form.cleaned_data["description"]}}
        campaign = drafts.create_campaign(
            project=access.project, actor=access.user, name=form.cleaned_data["name"], document=document, now=clock.now()
        )
        return redirect("campaigns:edit-campaign", project_id, campaign.public_id, "segment")
    return render(request, "campaigns/step_name.html", {"form": form, "steps": _steps(None, "name"), "step": "name"})


def edit_campaign(request: HttpRequest, project_id: str, campaign_id: str, step: str) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    if step not in STEPS:
        raise Http404
    if not campaign.is_draft:
        return redirect("campaigns:show-campaign", project_id, campaign_id)
    return _VIEWS[step](request, access, campaign)


def _steps(campaign: Campaign | None, current: str) -> list[dict[str, Any]]:
    """The navigation: each step, and whether something is missing in it."""
    labels = _step_labels()
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
        for number, key in enumerate(STEPS, start=1)
    ]


def _page(request: HttpRequest, campaign: Campaign, step: str, **context: Any) -> HttpResponse:
    context |= {"campaign": campaign, "steps": _steps(campaign, step), "step": step}
    return render(request, f"campaigns/step_{step}.html", context)


def _save(access: Access, campaign: Campaign, document: dict[str, Any], *, name: str | None = None) -> None:
    drafts.save_draft(campaign=campaign, actor=access.user, document=document, name=name, now=clock.now())


def _next(request: HttpRequest, campaign: Campaign, step: str) -> HttpResponse:
    following = step if "stay" in request.POST else STEPS[STEPS.index(step) + 1]
    return redirect("campaigns:edit-campaign", campaign.project.public_id, campaign.public_id, following)


def _with(campaign: Campaign, *, pabal: dict[str, Any], **members: Any) -> dict[str, Any]:
    document: dict[str, Any] = campaign.document | members
    return document | {"Pabal": campaign.document.get("Pabal", {}) | pabal}


def _name(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    pabal = campaign.document.get("Pabal", {})
    form = forms.NameForm(request.POST or None, initial={"name": campaign.name, "description": pabal.get("Description", "")})
    if form.is_valid():
        _save(
            access,
            campaign,
            _with(campaign, pabal={"Description": form.cleaned_data["description"]}),
            name=form.cleaned_data["name"],
        )
        return _next(request, campaign, "name")
    return _page(request, campaign, "name", form=form)


def _segment(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    pabal = campaign.document.get("Pabal", {})
    own = _own_segment(campaign)
    initial = {
        "way": "filter" if own else "existing",
        "segments": pabal.get("SegmentIds", []),
        "holdout": campaign.document.get("HoldoutPercent", 0),
    }
    form = forms.SegmentStepForm(request.POST or None, initial=initial, project=access.project)
    if form.is_valid():
        try:
            segment_id, chosen = _chosen_segment(access, campaign, form.cleaned_data, own)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            document = _with(
                campaign, pabal={"SegmentIds": chosen}, SegmentId=segment_id, HoldoutPercent=form.cleaned_data["holdout"] or 0
            )
            document.pop("SegmentVersion", None)
            _save(access, campaign, document)
            return _next(request, campaign, "segment")
    document = segment_queries.segment_version(segment=own).document if own else {}
    made = builder.segment_builder(project=access.project, document=document)
    return _page(request, campaign, "segment", form=form, builder=made, counts=_counts(campaign))


def _own_segment(campaign: Campaign) -> Segment | None:
    """The segment that was filtered inside this wizard, if that is the way chosen last."""
    pabal = campaign.document.get("Pabal", {})
    if pabal.get("SegmentIds") or not campaign.document.get("SegmentId"):
        return None
    found = Segment.objects.filter(
        project=campaign.project, public_id=campaign.document["SegmentId"], deleted_at=None, is_listed=False
    )
    return found.select_related("project").first()


def _chosen_segment(access: Access, campaign: Campaign, values: dict[str, Any], own: Segment | None) -> tuple[str, list[str]]:
    """The id of the segment to send to, and the ids that were ticked (several become one unlisted segment)."""
    now = clock.now()
    chosen: list[str] = values["segments"]
    if values["way"] == "existing" and len(chosen) == 1:
        return chosen[0], chosen
    if values["way"] == "existing":
        document = _any_of(chosen)
    else:
        document, chosen = values["document"], []
        if own is not None:
            segments.update_segment(segment=own, actor=access.user, document=document, name=own.name, now=now)
            return own.public_id, []
    made = segments.create_segment(
        project=access.project, actor=access.user, name=campaign.name, document=document, now=now, is_listed=False
    )
    return made.public_id, chosen


def _any_of(segment_ids: list[str]) -> dict[str, Any]:
    group = {"SourceSegments": [{"Id": one} for one in segment_ids], "SourceType": "ANY", "Type": "ALL", "Dimensions": []}
    return {"SegmentGroups": {"Include": "ALL", "Groups": [group]}}


def count_segments(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """How many the segments that are ticked in the form have together, saved or not: ``?segments=&segments=``."""
    access, _campaign = campaign_or_404(request, project_id, campaign_id)
    chosen = request.GET.getlist("segments")[:500]
    context: dict[str, Any] = {}
    if chosen:
        try:
            context["counts"] = segment_queries.document_counts(project=access.project, document=_any_of(chosen), now=clock.now())
        except Refusal as refusal:
            context["refusal"] = refusal.message
    return render(request, "campaigns/_chosen.html", context)


def _counts(campaign: Campaign) -> segment_queries.Counts | None:
    if not campaign.document.get("SegmentId"):
        return None
    try:
        segment = segment_queries.get_segment(project=campaign.project, segment_id=campaign.document["SegmentId"])
        return segment_queries.segment_counts(project=campaign.project, segment=segment, now=clock.now())
    except (Segment.DoesNotExist, Refusal):
        return None


def _message_initial(campaign: Campaign) -> dict[str, Any]:
    content = _content(campaign)
    return {
        "sender": content.from_address, "subject": content.subject, "preheader": content.preheader, "html": content.html,
        "text": content.text, "defaults": forms.defaults_text(content.defaults),
    }  # fmt: skip


def _content(campaign: Campaign) -> MessageContent:
    message = campaign.document.get("MessageConfiguration", {}).get("EmailMessage", {})
    return content_of({"Message": message, "Pabal": campaign.document.get("Pabal", {})})


def _message(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    senders = messaging_queries.usable_senders(project=access.project)
    choices = [(sender.address, str(sender)) for sender in senders]
    form = forms.MessageForm(request.POST or None, initial=_message_initial(campaign), senders=choices)
    if form.is_valid():
        values = form.cleaned_data
        shown = {sender.address: sender.header for sender in senders}
        email = {
            "FromAddress": shown.get(values["sender"], ""), "Title": values["subject"], "HtmlBody": values["html"], "Body": values["text"],
        }  # fmt: skip
        pabal = {"Preheader": values["preheader"], "DefaultSubstitutions": values["defaults"]}
        document = _with(campaign, pabal=pabal, MessageConfiguration={"EmailMessage": email})
        try:
            compile_content(content_of({"Message": email, "Pabal": pabal}))
        except TemplateError as error:
            form.add_error(error.part if error.part in form.fields else None, error.message)
        else:
            _save(access, campaign, document)
            return _next(request, campaign, "message")
    found = [finding for finding in review.findings(campaign=campaign, now=clock.now()) if finding.step == "message"]
    return _page(
        request, campaign, "message", form=form, has_senders=bool(senders),
        findings=found if campaign.document.get("MessageConfiguration") else [],
        names=forms.message_names(review.known_names(campaign)), test_form=forms.TestSendForm(), member=_member(request, campaign),
    )  # fmt: skip


def _member(request: HttpRequest, campaign: Campaign) -> EndpointRow | None:
    """A real member for the preview: the one that is searched for (``?member=``), else the ``?at=``-th of the segment."""
    if not campaign.document.get("SegmentId"):
        return None
    try:
        audience = evaluation.evaluate_segment(
            project_id=campaign.project_id, segment_id=campaign.document["SegmentId"], now=clock.now()
        )
    except Refusal:
        return None
    after = keyset.position(request.GET.get("after", "")) or 0
    ids = audience.after(endpoint_id=after, limit=1) or audience.after(endpoint_id=0, limit=1)
    search = request.GET.get("member", "").strip().lower()
    if search:
        ids = segment_queries.find_endpoint(project_id=campaign.project_id, text=search) or ids
    rows = endpoint_rows(project_id=campaign.project_id, ids=ids)
    return rows[0] if rows else None


def preview(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """The saved message with a member's values: subject and preheader, around a sandboxed frame."""
    access, campaign = campaign_or_404(request, project_id, campaign_id)
    member = _member(request, campaign)
    search = request.GET.get("member", "").strip()
    context: dict[str, Any] = {"campaign": campaign, "member": member, "search": search}
    context["is_unknown"] = bool(search) and not segment_queries.find_endpoint(
        project_id=campaign.project_id, text=search.lower()
    )
    rendered: Rendered | None = None
    try:
        rendered = render_message(compile_content(_content(campaign)), document=member.document if member else {})
    except TemplateError as error:
        context["refusal"] = error.message
    return render(request, "campaigns/_preview.html", context | {"rendered": rendered, "access": access})


@mail_policy
def preview_html(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """What the frame of the preview shows."""
    _access, campaign = campaign_or_404(request, project_id, campaign_id)
    member = _member(request, campaign)
    try:
        page = render_message(compile_content(_content(campaign)), document=member.document if member else {}).html
    except TemplateError as error:
        page = escape(error.message)
    return HttpResponse('<base target="_blank">' + page)


@require_POST
def send_test(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    form = forms.TestSendForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return _tested(request, campaign)
    member = _member(request, campaign)
    try:
        test_send.send_test(
            campaign=campaign, actor=access.user, addresses=form.cleaned_data["addresses"],
            document=member.document if member else {}, now=clock.now(),
        )  # fmt: skip
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The test is sent."))
    return _tested(request, campaign)


def _tested(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The answer beside the button: the page stays, with what is typed there and not saved yet."""
    if request.headers.get("HX-Request"):
        return render(request, "components/messages.html")
    return redirect("campaigns:edit-campaign", campaign.project.public_id, campaign.public_id, "message")


def _schedule(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    initial = forms.schedule_initial(campaign.document, access.project.time_zone)
    form = forms.ScheduleForm(request.POST or None, initial=initial)
    if form.is_valid():
        stored, pabal = form.schedule_document()
        _save(access, campaign, _with(campaign, pabal=pabal, Schedule=stored))
        return _next(request, campaign, "schedule")
    return _page(request, campaign, "schedule", form=form, **_coming(campaign.document, access.project.time_zone))


def _coming(document: dict[str, Any], project_zone: str) -> dict[str, Any]:
    if not document.get("Schedule"):
        return {}
    now = clock.now()
    try:
        plan = schedule.parse_schedule(
            schedule=document["Schedule"], pabal=document.get("Pabal", {}), project_zone=project_zone, launched_at=now
        )
    except schedule.ScheduleRefused as refusal:
        return {"refusal": refusal.message}
    return {"sentence": wording.sentence(plan), "moments": wording.moments(plan, now=now)}


@require_POST
def list_moments(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """The next five instants of the schedule as it stands in the form, saved or not."""
    access, _campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    form = forms.ScheduleForm(request.POST)
    context: dict[str, Any] = {}
    if form.is_valid():
        stored, pabal = form.schedule_document()
        context = _coming({"Schedule": stored, "Pabal": pabal}, access.project.time_zone)
    return render(request, "campaigns/_moments.html", context)


def _review(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    found = review.findings(campaign=campaign, now=clock.now())
    segment = Segment.objects.filter(project=access.project, public_id=campaign.document.get("SegmentId", "")).first()
    context = {
        "findings": found,
        "has_errors": any(finding.is_error for finding in found),
        "counts": _counts(campaign),
        "segment": segment,
        "content": _content(campaign),
        **_coming(campaign.document, access.project.time_zone),
    }
    if segment is not None and segment.segment_type == "DIMENSIONAL":
        try:
            document = segment_queries.segment_version(segment=segment).document
            context["who"] = segment_wording.sentence(project=access.project, document=document)
        except Refusal as refusal:
            context["who"] = refusal.message
    return _page(request, campaign, "review", **context)


@require_POST
def launch_campaign(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    try:
        launch.launch_campaign(campaign=campaign, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("campaigns:edit-campaign", project_id, campaign_id, "review")
    return redirect("campaigns:show-campaign", project_id, campaign_id)


_VIEWS = {"name": _name, "segment": _segment, "message": _message, "schedule": _schedule, "review": _review}
