"""Segments: listed, built, shown, copied, deleted; the builder's counts and values."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from psycopg2.errors import QueryCanceled

from core import clock, keyset
from core.audience import Audience
from core.errors import Refusal
from endpoints import catalogue
from projects.access import Access, project_or_404
from projects.models import Role
from segments import builder, queries, uses, wording
from segments.evaluation.sql import Query
from segments.forms.segments import SegmentForm, read_document
from segments.models import Segment, SegmentType, SegmentVersion
from segments.services import segments

_PAGE = 100
_VERSIONS = 20
_COUNT_MILLISECONDS = 20_000  # a count under the builder that takes longer is given up


def list_segments(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    search = request.GET.get("q", "").strip()
    found = queries.with_sizes(queries.listed_segments(project=access.project, before=request.GET.get("before", "")))
    if search:
        found = found.filter(name__icontains=search)
    some = list(found[: _PAGE + 1])
    last = some[_PAGE - 1].public_id if len(some) > _PAGE else ""
    context = {"segments": some[:_PAGE], "search": search, "last": last, "tab": "segments"}
    return render(request, "segments/segment_list.html", context)


def _segment(access: Access, segment_id: str) -> Segment:
    try:
        return queries.get_segment(project=access.project, segment_id=segment_id)
    except Segment.DoesNotExist:
        raise Http404 from None


def create_segment(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    base = request.GET.get("base", "")
    sources = [{"Id": base}] if base.isalnum() else []
    document = {"SegmentGroups": {"Include": "ALL", "Groups": [{"SourceSegments": sources, "Type": "ALL", "Dimensions": []}]}}
    form = SegmentForm(request.POST or None)
    if form.is_valid():
        try:
            segment = segments.create_segment(project=access.project, actor=access.user, now=clock.now(), **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The segment is saved."))
            return redirect("segments:show-segment", project_id, segment.public_id)
    return _edit_page(request, access, form, document, None)


def edit_segment(request: HttpRequest, project_id: str, segment_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    segment = _segment(access, segment_id)
    if segment.segment_type == SegmentType.IMPORT:
        return redirect("segments:show-segment", project_id, segment_id)
    form = SegmentForm(request.POST or None, initial={"name": segment.name})
    said: dict[str, Any] = {"base": _number(request.POST.get("base", "")) or segment.version}
    if form.is_valid():
        base = _number(request.POST.get("over", "")) or _number(request.POST.get("base", ""))
        try:
            segments.update_segment(segment=segment, actor=access.user, now=clock.now(), base_version=base, **form.cleaned_data)
        except segments.SegmentChanged as changed:
            said["collision"] = changed
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("A new version is saved."))
            return redirect("segments:show-segment", project_id, segment_id)
    return _edit_page(request, access, form, queries.segment_version(segment=segment).document, segment, **said)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _edit_page(
    request: HttpRequest,
    access: Access,
    form: SegmentForm,
    document: dict[str, Any],
    segment: Segment | None,
    **said: Any,
) -> HttpResponse:
    kept = form.cleaned_data.get("document") if form.is_bound else None
    made = builder.segment_builder(project=access.project, document=kept or document, own_id=segment.public_id if segment else "")
    return render(request, "segments/segment_edit.html", {"form": form, "builder": made, "segment": segment} | said)


def show_segment(request: HttpRequest, project_id: str, segment_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    segment = _segment(access, segment_id)
    newest = queries.segment_version(segment=segment)
    versions = queries.segment_versions(segment=segment, before=keyset.position(request.GET.get("before", "")))[: _VERSIONS + 1]
    context: dict[str, Any] = {
        "segment": segment,
        "newest": newest,
        "versions": wording.version_lines(segment=segment, versions=versions[:_VERSIONS]),
        "next_before": versions[_VERSIONS - 1].version if len(versions) > _VERSIONS else None,
        "uses": uses.segment_uses(segment=segment),
        "is_dynamic": segment.segment_type == SegmentType.DIMENSIONAL,
    }
    try:
        context["counts"] = queries.segment_counts(project=access.project, segment=segment, now=clock.now())
        if context["is_dynamic"]:
            context["sentence"] = wording.sentence(project=access.project, document=newest.document)
    except Refusal as refusal:
        context["refusal"] = refusal.message
    return render(request, "segments/segment_show.html", context)


@require_POST
def copy_segment(request: HttpRequest, project_id: str, segment_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    try:
        copy = segments.copy_segment(segment=_segment(access, segment_id), actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("segments:show-segment", project_id, segment_id)
    if copy.segment_type == SegmentType.DIMENSIONAL:
        return redirect("segments:edit-segment", project_id, copy.public_id)
    messages.success(request, _("The copy has the members that the segment has now."))
    return redirect("segments:show-segment", project_id, copy.public_id)


@require_POST
def restore_version(request: HttpRequest, project_id: str, segment_id: str, version: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    segment = _segment(access, segment_id)
    try:
        made = segments.restore_version(segment=segment, version=version, actor=access.user, now=clock.now())
    except SegmentVersion.DoesNotExist:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Version %(new)s is as version %(old)s was.") % {"new": made.version, "old": version})
    return redirect("segments:show-segment", project_id, segment_id)


def delete_segment(request: HttpRequest, project_id: str, segment_id: str) -> HttpResponse:
    """Says what uses the segment and what becomes of it. What is posted are the keys of those that were shown as ending."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    segment = _segment(access, segment_id)
    if request.method == "POST":
        ending = request.POST.getlist("ending")
        try:
            segments.delete_segment(segment=segment, actor=access.user, now=clock.now(), ending=ending)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return redirect("segments:delete-segment", project_id, segment_id)
        messages.success(request, _("The segment is deleted."))
        return redirect("segments:list-segments", project_id)
    context = {"segment": segment, "uses": uses.segment_uses(segment=segment)}
    return render(request, "segments/segment_delete.html", context)


def shown_query(query: Query) -> dict[str, Any]:
    """A query for the page: sets of ids are shown by their size."""
    said = {
        key: _("%(count)s endpoint ids") % {"count": f"{len(value):,}"} if isinstance(value, Audience) else repr(value)
        for key, value in query.params.items()
    }
    return {"text": query.text, "params": said}


@require_POST
def count_document(request: HttpRequest, project_id: str) -> HttpResponse:
    """The counts and the sentence under the builder, for a document that need not be saved."""
    access = project_or_404(request, project_id)
    context: dict[str, Any] = {}
    try:
        document = read_document(request.POST.get("document", ""))
        context["sentence"] = wording.sentence(project=access.project, document=document)
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = %s", [_COUNT_MILLISECONDS])
            preview = queries.document_preview(project=access.project, document=document, now=clock.now())
            context |= {"counts": preview.counts, "examples": preview.examples}
            context["query"] = shown_query(queries.document_query(project=access.project, document=document, now=clock.now()))
    except Refusal as refusal:
        context["refusal"] = refusal.message
    except forms.ValidationError as error:
        context["refusal"] = error.messages[0]
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        context["refusal"] = _("The count takes too long. Save the segment; it is evaluated when it is sent to.")
    return render(request, "segments/_count.html", context)


def list_values(request: HttpRequest, project_id: str) -> HttpResponse:
    """Values that the data has for an attribute: ``?kind=&name=&q=``."""
    access = project_or_404(request, project_id)
    kinds = {"UserAttributes": "USER_ATTRIBUTE", "Attributes": "ATTRIBUTE", "Standard": "STANDARD"}
    name = request.GET.get("name", "")
    fixed = {"OptOut": ["NONE", "ALL"], "EndpointStatus": ["ACTIVE", "INACTIVE"]}
    if request.GET.get("kind") == "Standard" and name in fixed:
        return JsonResponse({"values": [{"value": value, "count": None} for value in fixed[name]]})
    found = catalogue.values(
        project=access.project, kind=kinds.get(request.GET.get("kind", ""), ""), name=name, like=request.GET.get("q", "")[:100]
    )
    return JsonResponse({"values": [{"value": one.value, "count": one.endpoints} for one in found]})


def list_links(request: HttpRequest, project_id: str) -> HttpResponse:
    """The links of a campaign's message, by their numbers: ``?campaign=``."""
    access = project_or_404(request, project_id)
    key = request.GET.get("campaign", "")
    links = wording.campaign_links(project=access.project, campaign_ids=[key] if key.isalnum() else [])
    return JsonResponse(
        {
            "links": [
                {"number": one.number, "address": one.address, "treatment": one.treatment, "name": one.name}
                for one in links.get(key, [])
            ]
        }
    )
