"""The event stream of a project: how it goes for every member; made, changed and steered by owners."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from analytics.carrying.lag import lag
from analytics.forms import EventStreamForm, ReplayForm
from analytics.models import EventStream
from analytics.services import event_streams
from core import clock
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role

_PAGE = "analytics:show-event-stream"


def show_event_stream(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    stream = EventStream.objects.filter(project=access.project).first()
    behind = lag(project_id=access.project.pk, position=stream.position, now=clock.now()) if stream else None
    context = {"stream": stream, "lag": behind, "replay": ReplayForm()}
    return render(request, "analytics/event_stream.html", context)


def edit_event_stream(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    stream = EventStream.objects.filter(project=access.project).first()
    form = EventStreamForm(request.POST or None, initial=EventStreamForm.initial_of(stream) if stream else None)
    if form.is_valid():
        values = event_streams.StreamValues(**form.values())
        try:
            event_streams.save_stream(project=access.project, actor=access.user, values=values, now=clock.now())
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The event stream is saved. Send a test record by it."))
            return redirect(_PAGE, project_id)
    secret = event_streams.signing_secret(stream) if stream else ""
    return render(request, "analytics/event_stream_edit.html", {"form": form, "stream": stream, "secret": secret})


def _stream(request: HttpRequest, project_id: str) -> tuple[Access, EventStream]:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    return access, get_object_or_404(EventStream.objects.select_related("project"), project=access.project)


def _done(request: HttpRequest, project_id: str, deed: Callable[[], object], said: str) -> HttpResponse:
    """Do it, and say so on the stream's page, or why not."""
    try:
        deed()
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, said)
    return redirect(_PAGE, project_id)


@require_POST
def pause_event_stream(request: HttpRequest, project_id: str) -> HttpResponse:
    access, stream = _stream(request, project_id)
    said = _("The event stream is paused. What happens meanwhile waits.")
    return _done(
        request, project_id, lambda: event_streams.pause_stream(stream=stream, actor=access.user, now=clock.now()), said
    )  # fmt: skip


@require_POST
def resume_event_stream(request: HttpRequest, project_id: str) -> HttpResponse:
    access, stream = _stream(request, project_id)
    said = _("The event stream goes on where it was.")
    return _done(
        request, project_id, lambda: event_streams.resume_stream(stream=stream, actor=access.user, now=clock.now()), said
    )  # fmt: skip


@require_POST
def replay_event_stream(request: HttpRequest, project_id: str) -> HttpResponse:
    access, stream = _stream(request, project_id)
    form = ReplayForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Enter from which instant on events are to come again."))
        return redirect(_PAGE, project_id)
    since = form.cleaned_data["since"]
    return _done(
        request, project_id,
        lambda: event_streams.replay_stream(stream=stream, actor=access.user, since=since, now=clock.now()),
        _("The events since then come again."),
    )  # fmt: skip


@require_POST
def test_event_stream(request: HttpRequest, project_id: str) -> HttpResponse:
    access, stream = _stream(request, project_id)
    return _done(
        request, project_id, lambda: event_streams.try_stream(stream=stream, actor=access.user, clock=clock.now),
        _("A test record was taken. It is of the type _test."),
    )  # fmt: skip


@require_POST
def delete_event_stream(request: HttpRequest, project_id: str) -> HttpResponse:
    access, stream = _stream(request, project_id)
    return _done(
        request, project_id, lambda: event_streams.delete_stream(stream=stream, actor=access.user, now=clock.now()),
        _("The event stream is deleted."),
    )  # fmt: skip
