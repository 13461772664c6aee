"""The wizard of five steps: left and taken up again at any of them."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import channels, forms, limit_forms, parts, queries, review, template_use
from campaigns.models import Campaign
from campaigns.services import drafts, launch, steps, test_send
from campaigns.treatments import Variation, editing, variation
from campaigns.views import custom, reviewing, step_page
from campaigns.views import treatments as treatment_pages
from campaigns.views.access import base_version, campaign_or_404, whole_number
from campaigns.views.navigation import step_navigation
from core import clock, keyset
from core.errors import Refusal
from endpoints.queries import EndpointRow, endpoint_rows
from messaging import inspection
from messaging import queries as messaging_queries
from messaging.forms import defaults_text, editor_context, read_defaults
from messaging.models import TemplateType
from messaging.rendering import Rendered, TemplateError, compile_content
from messaging.rendering import render as render_message
from messaging.views.mail_policy import mail_policy
from projects.access import Access, project_or_404
from projects.models import Role
from segments import builder
from segments import queries as segment_queries
from segments.services.segments import SegmentChanged

_SCHEDULE_FIELDS = {"past": "start", "end_before_start": "end", "end_past": "end"}


def create_campaign(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = forms.NameForm(request.POST or None)
    if form.is_valid():
        pabal = {"Channel": form.cleaned_data["channel"], "Kind": "STANDARD", "Description": form.cleaned_data["description"]}
        document: dict[str, Any] = {"Pabal": pabal}
        document = editing.varied(document, Variation(form.cleaned_data["varies"])).applied(document)
        document |= {"Hook": form.cleaned_data["hook"]} if form.cleaned_data["hook"] else {}
        campaign = drafts.create_campaign(
            project=access.project, actor=access.user, name=form.cleaned_data["name"], document=document, now=clock.now()
        )
        return redirect("campaigns:edit-campaign", project_id, campaign.public_id, "segment")
    return render(request, "campaigns/step_name.html", {"form": form, "steps": step_navigation(None, "name"), "step": "name"})


def edit_campaign(request: HttpRequest, project_id: str, campaign_id: str, step: str) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    if step not in parts.STEPS:
        raise Http404
    if not campaign.is_editable or (campaign.is_pending_approval and step == "review"):
        return redirect("campaigns:show-campaign", project_id, campaign_id)
    return _VIEWS[step](request, access, treatment_pages.of_step(request, campaign, step))


def _name(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    pabal = campaign.document.get("Pabal", {})
    varies = variation(campaign.document)
    initial = {"name": campaign.name, "description": pabal.get("Description", ""), "varies": varies.value}
    initial |= {"hook": forms.hook_text(campaign.document), "channel": channels.channel_of(campaign.document).value}
    form = forms.NameForm(request.POST or None, initial=initial)
    said: dict[str, Any] | None = {}
    if form.is_valid():
        part = parts.Part(
            members={"Hook": form.cleaned_data["hook"]},
            pabal={"Description": form.cleaned_data["description"], "Channel": form.cleaned_data["channel"]},
            name=form.cleaned_data["name"],
        )  # fmt: skip
        wanted = Variation(form.cleaned_data["varies"])
        if wanted != varies:
            part = part.followed(editing.varied(campaign.document, wanted))
        said = step_page.refused(access, campaign, "name", form, part, request)
        if said is None:
            return step_page.go_on(request, campaign, "name")
    return step_page.page(request, campaign, "name", form=form, **(said or {}))


def _segment(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    own = queries.own_segment(campaign=campaign)
    initial = {
        "way": "filter" if own else "existing",
        "segments": [] if own else parts.chosen_segments(campaign.document),
        "holdout": campaign.document.get("HoldoutPercent", 0),
    }
    form = forms.SegmentStepForm(request.POST or None, initial=initial, project=access.project)
    said: dict[str, Any] = {}
    if form.is_valid():
        values = form.cleaned_data
        is_existing = values["way"] == "existing"
        try:
            steps.save_segment_step(
                campaign=campaign, actor=access.user, chosen=values["segments"] if is_existing else [],
                definition=None if is_existing else values["document"], holdout=values["holdout"] or 0, now=clock.now(),
                base_version=base_version(request),
            )  # fmt: skip
        except steps.StepChanged as changed:
            said = {"collision": changed}
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            return step_page.go_on(request, campaign, "segment")
    document = segment_queries.segment_version(segment=own).document if own else {}
    typed = form.cleaned_data.get("document") if form.is_bound else None
    made = builder.segment_builder(project=access.project, document=typed if isinstance(typed, dict) else document)
    return step_page.page(request, campaign, "segment", form=form, builder=made, counts=reviewing.counts(campaign), **said)


def count_segments(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """How many the segments that are ticked in the form have together, saved or not: ``?segments=&segments=``."""
    access, _campaign = campaign_or_404(request, project_id, campaign_id)
    chosen = request.GET.getlist("segments")[:500]
    context: dict[str, Any] = {}
    if chosen:
        try:
            context["counts"] = segment_queries.document_counts(
                project=access.project, document=steps.any_of(chosen), now=clock.now()
            )
        except Refusal as refusal:
            context["refusal"] = refusal.message
    return render(request, "campaigns/_chosen.html", context)


def _message_initial(campaign: Campaign) -> dict[str, Any]:
    content = reviewing.written(campaign)
    chosen = template_use.chosen_template(campaign.document) or {}
    return {
        "way": "template" if chosen else "own", "template": chosen.get("Name", ""), "template_version": chosen.get("Version", ""),
        "sender": content.from_address, "subject": content.subject, "preheader": content.preheader, "html": content.html,
        "text": content.text, "defaults": defaults_text(content.defaults),
    }  # fmt: skip


def _message(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    if channels.is_custom(campaign.document):
        return custom.edit_custom(request, access, campaign)
    senders = _senders(access, campaign)
    templates = messaging_queries.template_choices(project=access.project, template_type=TemplateType.EMAIL)
    form = forms.MessageForm(
        request.POST or None, initial=_message_initial(campaign),
        senders=[(address, label) for address, (label, _header) in senders.items()],
        templates=[(one.name, one.name) for one in templates],
    )  # fmt: skip
    said: dict[str, Any] | None = {}
    headers = {address: header for address, (_label, header) in senders.items()}
    typed = _typed_message(form, headers, campaign) if form.is_bound else None
    if typed is not None and form.is_valid():
        try:
            compile_content(reviewing.content(_edited(campaign, typed)), allow_unescaped=access.project.allows_raw_values)
        except template_use.TemplateGone as gone:
            form.add_error("template_version", gone.message)
        except TemplateError as error:
            form.add_error(error.part if error.part in form.fields else None, error.message)
        else:
            said = step_page.refused(access, campaign, "message", form, typed, request)
            if said is None:
                return step_page.go_on(request, campaign, "message")
    return step_page.page(
        request, campaign, "message", form=form, has_senders=bool(senders), findings=_message_findings(campaign, typed),
        **editor_context(names=review.known_names(campaign)), test_form=forms.TestSendForm(), member=_member(request, campaign),
        **(said or {}),
    )  # fmt: skip


def _senders(access: Access, campaign: Campaign) -> dict[str, tuple[str, str]]:
    """By address: how a sender is listed, and as a header has it; with whom a program wrote into the campaign, if he may send."""
    found = {one.address: (str(one), one.header) for one in messaging_queries.usable_senders(project=access.project)}
    content = reviewing.written(campaign)
    address = content.from_address
    if address and address not in found and messaging_queries.may_send_from(project=access.project, address=address):
        written: str = campaign.document["MessageConfiguration"]["EmailMessage"]["FromAddress"]
        found[address] = (written, written)
    return found


def _typed_message(form: forms.MessageForm, headers: dict[str, str], campaign: Campaign) -> parts.Part:
    """The message as it stands in the form, accepted or not. Headers of its own, which the form does not show, stay."""
    values = form.typed()
    template = form.template_configuration()
    if template is not None:
        sender = {"EmailMessage": {"FromAddress": headers.get(values["sender"], "")}}
        members = {"MessageConfiguration": sender, "TemplateConfiguration": template}
        return parts.Part(members=members, pabal={"Preheader": None, "DefaultSubstitutions": None})
    email = {
        "FromAddress": headers.get(values["sender"], ""), "Title": values["subject"], "HtmlBody": values["html"],
        "Body": values["text"],
    }  # fmt: skip
    own_headers = campaign.document.get("MessageConfiguration", {}).get("EmailMessage", {}).get("Headers")
    email |= {"Headers": own_headers} if own_headers else {}
    pabal = {"Preheader": values["preheader"], "DefaultSubstitutions": read_defaults(values["defaults"])[0]}
    return parts.Part(members={"MessageConfiguration": {"EmailMessage": email}, "TemplateConfiguration": None}, pabal=pabal)


def _edited(campaign: Campaign, typed: parts.Part) -> Campaign:
    """The campaign as it would be with what is typed; never saved."""
    edited = copy.copy(campaign)
    edited.document = typed.applied(campaign.document)
    return edited


def _message_findings(campaign: Campaign, typed: parts.Part | None) -> list[review.Finding]:
    """What there is to say about the message in the editor. What is wrong with a typed template is said at its field."""
    if typed is None:
        return review.message_findings(campaign=campaign) if campaign.document.get("MessageConfiguration") else []
    found = review.message_findings(campaign=_edited(campaign, typed))
    return [finding for finding in found if finding.code not in ("template", "template_gone")]


def _member(request: HttpRequest, campaign: Campaign) -> EndpointRow | None:
    """A real member for the preview: the one that is searched for (``?member=``), else the ``?at=``-th of the segment."""
    audience = reviewing.audience(campaign)
    if audience is None:
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
    campaign = treatment_pages.of_step(request, campaign, "message")
    member = _member(request, campaign)
    search = request.GET.get("member", "").strip()
    context: dict[str, Any] = {"campaign": campaign, "member": member, "search": search}
    context["is_unknown"] = bool(search) and not segment_queries.find_endpoint(
        project_id=campaign.project_id, text=search.lower()
    )
    rendered: Rendered | None = None
    try:
        content = reviewing.content(campaign)
        context["is_unwritten"] = not (content.subject or content.html or content.text)
        if not context["is_unwritten"]:
            program = compile_content(content, allow_unescaped=access.project.allows_raw_values)
            rendered = render_message(program, document=member.document if member else {})
            context["inbox"] = inspection.inbox(rendered=rendered, sender=content.from_name or content.from_address)
    except (TemplateError, template_use.TemplateGone) as error:
        context["refusal"] = error.message
    context |= {"rendered": rendered, "access": access, "treatment": treatment_pages.asked(request)}
    return render(request, "campaigns/_preview.html", context)


@mail_policy
def preview_html(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """What the frame of the preview shows."""
    access, campaign = campaign_or_404(request, project_id, campaign_id)
    campaign = treatment_pages.of_step(request, campaign, "message")
    member = _member(request, campaign)
    try:
        program = compile_content(reviewing.content(campaign), allow_unescaped=access.project.allows_raw_values)
        page = render_message(program, document=member.document if member else {}).html
    except (TemplateError, template_use.TemplateGone) as error:
        page = escape(error.message)
    return HttpResponse('<base target="_blank">' + page)


@require_POST
def send_test(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    campaign = treatment_pages.of_step(request, campaign, "message")
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
    form = forms.ScheduleForm(request.POST or None, initial=initial, events=queries.event_choices(project_id=access.project.pk))
    limits_form = limit_forms.LimitsForm(
        request.POST or None, initial=limit_forms.limits_initial(campaign.document),
        of_treatment=bool(treatment_pages.number_of(request, campaign, "schedule")),
    )  # fmt: skip
    said: dict[str, Any] | None = {}
    document = campaign.document
    is_readable = not form.is_bound or form.is_valid()
    if form.is_valid() & limits_form.is_valid():
        part = _schedule_part(campaign, form, limits_form)
        document = part.applied(document)
        error = _schedule_error(document, access.project.time_zone)
        if error is not None:
            form.add_error(_SCHEDULE_FIELDS[error.code], error.message)
        else:
            said = step_page.refused(access, campaign, "schedule", form, part, request)
            if said is None:
                return step_page.go_on(request, campaign, "schedule")
    return step_page.page(
        request, campaign, "schedule", form=form, limits_form=limits_form, is_by_events=form.is_by_events,
        **(reviewing.coming(document, access.project.time_zone) if is_readable else {}), **(said or {}),
    )  # fmt: skip


def _schedule_part(campaign: Campaign, form: forms.ScheduleForm, limits_form: limit_forms.LimitsForm) -> parts.Part:
    stored, pabal = form.schedule_document()
    quiet = limits_form.quiet_time()
    members: dict[str, Any] = {"Schedule": stored | ({"QuietTime": quiet} if quiet else {})}
    if not limits_form.of_treatment:
        members["Limits"] = limits_form.limits(stored=campaign.document.get("Limits"))
    return parts.Part(members=members, pabal=pabal | limits_form.pabal())


def _schedule_error(document: dict[str, Any], project_zone: str) -> review.Finding | None:
    now = clock.now()
    return review.schedule_error(plan=reviewing.plan(document, project_zone, now), now=now)


@require_POST
def list_moments(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """The next five instants of the schedule as it stands in the form, saved or not; or why there is none."""
    access, _campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    form = forms.ScheduleForm(request.POST, events=queries.event_choices(project_id=access.project.pk))
    context: dict[str, Any] = {"is_by_events": form.is_by_events}
    if form.is_valid():
        stored, pabal = form.schedule_document()
        context |= reviewing.coming({"Schedule": stored, "Pabal": pabal}, access.project.time_zone)
    return render(request, "campaigns/_moments.html", context)


def _review(request: HttpRequest, access: Access, campaign: Campaign) -> HttpResponse:
    found = review.findings(campaign=campaign, now=clock.now())
    context = reviewing.review_context(access=access, campaign=campaign, findings=found, said_by=campaign)
    context |= reviewing.approval_context(access=access, campaign=campaign)
    return step_page.page(request, campaign, "review", **context)


@require_POST
def launch_campaign(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """Launch what the review showed; what was changed since is shown for another review."""
    access, campaign = campaign_or_404(request, project_id, campaign_id, at_least=Role.MARKETER)
    base = whole_number(request.POST.get("base", ""))
    if base is None:
        messages.error(request, _("Review the campaign before you launch it."))
        return redirect("campaigns:edit-campaign", project_id, campaign_id, "review")
    try:
        launch.launch_campaign(
            campaign=campaign, actor=access.user, now=clock.now(), base_version=base,
            segment_version=whole_number(request.POST.get("segment_version", "")), base_message=request.POST.get("message", "")[:64],
        )  # fmt: skip
    except (launch.CampaignChanged, SegmentChanged) as changed:
        messages.error(request, _("%(change)s Nothing was launched: review it once more.") % {"change": changed.message})
        return redirect("campaigns:edit-campaign", project_id, campaign_id, "review")
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("campaigns:edit-campaign", project_id, campaign_id, "review")
    return redirect("campaigns:show-campaign", project_id, campaign_id)


_VIEWS = {"name": _name, "segment": _segment, "message": _message, "schedule": _schedule, "review": _review}
