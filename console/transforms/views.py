"""Transforms. Every member sees how they stand; who may change a project makes and changes them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from analytics.lake.refusals import SqlRefused
from analytics.models import LakeTransform
from analytics.services import transforms
from analytics.transforms import status
from console.models import SavedQuery
from console.sql import words
from console.transforms.forms import BackfillForm, SqlForm, TransformForm
from core import clock, keyset
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role

_FIRST = """\
SELECT campaign_id, link, count(*) AS clicks, count(DISTINCT endpoint_id) AS people
FROM email_click
GROUP BY ALL"""


def _transform(access: Access, transform_id: int) -> LakeTransform:
    return get_object_or_404(LakeTransform.objects.select_related("project"), project=access.project, pk=transform_id)


@login_required
def list_transforms(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    found = status.of_project(project_id=access.project.pk, now=clock.now())
    return render(request, "console/transforms/list.html", {"found": found})


@login_required
def create_transform(request: HttpRequest, project_id: str) -> HttpResponse:
    """With the SQL of a saved query (``?saved=``), if one comes from there."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    detail = ""
    if request.method == "POST":
        form = TransformForm(request.POST)
        if form.is_valid():
            try:
                made = transforms.create_transform(
                    project=access.project, actor=access.user, now=clock.now(), **_values(form, "name", "sql", "mode", "since")
                )
            except Refusal as refusal:
                detail = _said(form, refusal)
            else:
                return redirect("console:show-transform", access.project.public_id, made.pk)
    else:
        saved = keyset.position(request.GET.get("saved", ""))
        query = SavedQuery.objects.filter(project=access.project, pk=saved).first() if saved is not None else None
        form = TransformForm(initial={"sql": query.sql if query else _FIRST})
    found = words.tables_of(project_id=access.project.pk)
    context = {"form": form, "detail": detail, "words": words.words(found, with_history=True), "tables": found}
    return render(request, "console/transforms/create.html", context)


def _values(form: forms.Form, *names: str) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in names}


def _said(form: forms.Form, refusal: Refusal) -> str:
    """The refusal over the form; what DuckDB says of the SQL beside it."""
    form.add_error("sql" if isinstance(refusal, SqlRefused) else None, refusal.message)
    return str(getattr(refusal, "detail", ""))


@login_required
def show_transform(request: HttpRequest, project_id: str, transform_id: int) -> HttpResponse:
    access = project_or_404(request, project_id)
    transform = _transform(access, transform_id)
    return _page(request, access, transform, SqlForm(initial={"sql": transform.sql}))


def _page(request: HttpRequest, access: Access, transform: LakeTransform, form: SqlForm, detail: str = "") -> HttpResponse:
    found = words.tables_of(project_id=access.project.pk, but=transform)
    now = clock.now()
    context = {
        "transform": transform, "status": status.of_transform(transform, now=now), "windows": status.latest(transform), "form": form,
        "detail": detail, "words": words.words(found, with_history=True), "backfill": BackfillForm(),
    }  # fmt: skip
    return render(request, "console/transforms/show.html", context)


@login_required
@require_POST
def change_transform(request: HttpRequest, project_id: str, transform_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    transform = _transform(access, transform_id)
    form = SqlForm(request.POST)
    detail = ""
    if form.is_valid():
        try:
            transforms.change_transform(transform=transform, actor=access.user, sql=form.cleaned_data["sql"], now=clock.now())
        except Refusal as refusal:
            detail = _said(form, refusal)
        else:
            messages.success(request, _("Saved. The table is made anew."))
            return redirect("console:show-transform", access.project.public_id, transform.pk)
    return _page(request, access, _transform(access, transform_id), form, detail)


def _done(request: HttpRequest, access: Access, transform: LakeTransform, deed: Any, said: str = "") -> HttpResponse:
    try:
        deed(transform=transform, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        if said:
            messages.success(request, said)
    return redirect("console:show-transform", access.project.public_id, transform.pk)


@login_required
@require_POST
def pause_transform(request: HttpRequest, project_id: str, transform_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    return _done(request, access, _transform(access, transform_id), transforms.pause)


@login_required
@require_POST
def resume_transform(request: HttpRequest, project_id: str, transform_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    return _done(request, access, _transform(access, transform_id), transforms.resume)


@login_required
@require_POST
def run_transform(request: HttpRequest, project_id: str, transform_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    said = _("It is looked at within some seconds. An hour is asked about when it is over.")
    return _done(request, access, _transform(access, transform_id), transforms.run_now, said)


@login_required
@require_POST
def backfill_transform(request: HttpRequest, project_id: str, transform_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    transform = _transform(access, transform_id)
    form = BackfillForm(request.POST)
    if not form.is_valid():
        messages.error(request, next(str(error) for errors in form.errors.values() for error in errors))
        return redirect("console:show-transform", access.project.public_id, transform.pk)
    try:
        count = transforms.backfill(transform=transform, actor=access.user, since=form.cleaned_data["since"], now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        said = ngettext("%(count)s part of time is asked about.", "%(count)s parts of time are asked about.", count)
        messages.success(request, said % {"count": f"{count:,}"})
    return redirect("console:show-transform", access.project.public_id, transform.pk)


@login_required
@require_POST
def delete_transform(request: HttpRequest, project_id: str, transform_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    transform = _transform(access, transform_id)
    try:
        transforms.delete_transform(transform=transform, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("console:show-transform", access.project.public_id, transform_id)
    messages.success(request, _("The transform and its table were deleted."))
    return redirect("console:list-transforms", access.project.public_id)
