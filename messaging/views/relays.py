"""Relays of a project, for its owners: listed, added, changed, tried out, deleted."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refusal
from messaging import queries
from messaging.forms import RelayForm
from messaging.models import Relay, RelayCallback
from messaging.services import relay_callbacks, relays
from projects.access import Access, project_or_404
from projects.models import Role


def list_relays(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    found = queries.relays(project=access.project)
    return render(request, "messaging/relays.html", {"relays": found, "has_server": bool(settings.EMAIL_URL), "tab": "relays"})


def create_relay(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    return _edit(request, access, None)


def edit_relay(request: HttpRequest, project_id: str, relay_id: int) -> HttpResponse:
    access, relay = _relay(request, project_id, relay_id)
    return _edit(request, access, relay)


def _relay(request: HttpRequest, project_id: str, relay_id: int) -> tuple[Access, Relay]:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    return access, get_object_or_404(queries.relays(project=access.project), pk=relay_id)


def _edit(request: HttpRequest, access: Access, relay: Relay | None) -> HttpResponse:
    form = RelayForm(request.POST or None, initial=RelayForm.initial_of(relay) if relay else None)
    if form.is_valid():
        try:
            relays.save_relay(
                project=access.project,
                actor=access.user,
                relay=relay,
                values=relays.RelayValues(**form.values()),
                now=clock.now(),
            )
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The relay is saved. Try it out."))
            return redirect("messaging:list-relays", access.project.public_id)
    context = {"form": form, "relay": relay, "tab": "relays", "outcomes": _outcomes(relay) if relay else None}
    return render(request, "messaging/relay.html", context)


def _outcomes(relay: Relay) -> dict[str, object]:
    """Where the relay tells what became of messages, and how it went so far."""
    door = relay_callbacks.door_of(relay=relay)
    name = "messaging:take-sns" if relay.is_ses else "messaging:take-callback"
    return {
        "url": settings.PUBLIC_URL + reverse(name, args=[door.token]), "secret": door.secret,
        "is_open": not settings.PUBLIC_URL.startswith("http:"),
        "callback": RelayCallback.objects.filter(relay=relay).first(),
    }  # fmt: skip


@require_POST
def forget_topic(request: HttpRequest, project_id: str, relay_id: int) -> HttpResponse:
    access, relay = _relay(request, project_id, relay_id)
    relay_callbacks.forget_topic(relay=relay, actor=access.user, now=clock.now())
    messages.success(request, _("The topic is forgotten. The next one that subscribes at the address below is remembered."))
    return redirect("messaging:edit-relay", project_id, relay_id)


@require_POST
def replace_address(request: HttpRequest, project_id: str, relay_id: int) -> HttpResponse:
    access, relay = _relay(request, project_id, relay_id)
    relay_callbacks.replace_address(relay=relay, actor=access.user, now=clock.now())
    messages.success(request, _("Address and key are new. What still comes by the old ones is refused."))
    return redirect("messaging:edit-relay", project_id, relay_id)


@require_POST
def test_relay(request: HttpRequest, project_id: str, relay_id: int) -> HttpResponse:
    access, relay = _relay(request, project_id, relay_id)
    try:
        mailed = relays.try_relay(relay=relay, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        if mailed:
            messages.success(request, _("A test is mailed to %(address)s.") % {"address": mailed})
        elif access.project.is_practice:
            messages.success(request, _("The connection and the log-in work. In practice mode no mail is sent by it."))
        else:
            messages.success(
                request, _("The connection and the log-in work. No verified sender takes this relay, so no mail was sent.")
            )
    return redirect("messaging:list-relays", project_id)


@require_POST
def delete_relay(request: HttpRequest, project_id: str, relay_id: int) -> HttpResponse:
    access, relay = _relay(request, project_id, relay_id)
    relays.delete_relay(relay=relay, actor=access.user, now=clock.now())
    return redirect("messaging:list-relays", project_id)
