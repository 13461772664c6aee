"""Webhooks of a project: the list and the log for every member; made, changed, steered and sent again by owners."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from analytics.event_names import names_of
from analytics.forms import WebhookForm
from analytics.models import Webhook, WebhookDelivery
from analytics.services import webhooks
from analytics.webhooks import log
from core import clock
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role

_PAGE = "analytics:show-webhook"


def list_webhooks(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    found = Webhook.objects.filter(project=access.project).order_by("pk")
    return render(request, "analytics/webhooks.html", {"webhooks": found})


def show_webhook(request: HttpRequest, project_id: str, webhook_id: int) -> HttpResponse:
    access = project_or_404(request, project_id)
    webhook = _of(access, webhook_id)
    before, state = request.GET.get("before", ""), request.GET.get("state", "")
    is_number = before.isascii() and before.isdecimal() and len(before) < 19
    context = {
        "webhook": webhook, "totals": log.totals(webhook=webhook), "state": state, "states": WebhookDelivery.State,
        "log": log.log(webhook=webhook, state=state, before=int(before) if is_number else 0),
    }  # fmt: skip
    return render(request, "analytics/webhook.html", context)


def create_webhook(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    return _edit(request, access, None)


def edit_webhook(request: HttpRequest, project_id: str, webhook_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    return _edit(request, access, _of(access, webhook_id))


def _of(access: Access, webhook_id: int) -> Webhook:
    return get_object_or_404(Webhook.objects.select_related("project"), project=access.project, pk=webhook_id)


def _edit(request: HttpRequest, access: Access, webhook: Webhook | None) -> HttpResponse:
    names = names_of(project_id=access.project.pk).values()
    form = WebhookForm(
        request.POST or None, names=names, initial={"url": webhook.url, "types": webhook.types} if webhook else None
    )
    if form.is_valid():
        values = webhooks.WebhookValues(**form.cleaned_data)
        try:
            made = webhooks.save_webhook(
                project=access.project, actor=access.user, webhook=webhook, values=values, now=clock.now()
            )  # fmt: skip
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The webhook is saved. Send it a test message."))
            return redirect(_PAGE, access.project.public_id, made.pk)
    secret = webhooks.signing_secret(webhook) if webhook else ""
    return render(request, "analytics/webhook_edit.html", {"form": form, "webhook": webhook, "secret": secret})


def _webhook(request: HttpRequest, project_id: str, webhook_id: int) -> tuple[Access, Webhook]:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    return access, _of(access, webhook_id)


def _done(request: HttpRequest, webhook: Webhook, deed: Callable[[], object], said: str) -> HttpResponse:
    """Do it, and say so on the webhook's page, or why not."""
    try:
        deed()
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, said)
    return redirect(_PAGE, webhook.project.public_id, webhook.pk)


@require_POST
def pause_webhook(request: HttpRequest, project_id: str, webhook_id: int) -> HttpResponse:
    access, webhook = _webhook(request, project_id, webhook_id)
    said = _("The webhook is paused. What happens meanwhile waits.")
    return _done(request, webhook, lambda: webhooks.pause_webhook(webhook=webhook, actor=access.user, now=clock.now()), said)


@require_POST
def resume_webhook(request: HttpRequest, project_id: str, webhook_id: int) -> HttpResponse:
    access, webhook = _webhook(request, project_id, webhook_id)
    said = _("The webhook goes on where it was.")
    return _done(request, webhook, lambda: webhooks.resume_webhook(webhook=webhook, actor=access.user, now=clock.now()), said)


@require_POST
def test_webhook(request: HttpRequest, project_id: str, webhook_id: int) -> HttpResponse:
    access, webhook = _webhook(request, project_id, webhook_id)
    said = _("A test message was taken. It is of the type _test.")
    return _done(request, webhook, lambda: webhooks.try_webhook(webhook=webhook, actor=access.user, now=clock.now()), said)


@require_POST
def replace_secret(request: HttpRequest, project_id: str, webhook_id: int) -> HttpResponse:
    access, webhook = _webhook(request, project_id, webhook_id)
    webhooks.replace_secret(webhook=webhook, actor=access.user, now=clock.now())
    messages.success(request, _("The secret is new. Give it to the program that checks signatures."))
    return redirect("analytics:edit-webhook", project_id, webhook_id)


@require_POST
def resend(request: HttpRequest, project_id: str, webhook_id: int, delivery_id: int) -> HttpResponse:
    access, webhook = _webhook(request, project_id, webhook_id)
    delivery = get_object_or_404(WebhookDelivery.objects.select_related("webhook__project"), webhook=webhook, pk=delivery_id)
    said = _("It is sent again within seconds.")
    return _done(request, webhook, lambda: webhooks.resend(delivery=delivery, actor=access.user, now=clock.now()), said)


@require_POST
def resend_failed(request: HttpRequest, project_id: str, webhook_id: int) -> HttpResponse:
    access, webhook = _webhook(request, project_id, webhook_id)
    count = webhooks.resend_failed(webhook=webhook, actor=access.user, now=clock.now())
    messages.success(request, ngettext("%(count)s is sent again.", "%(count)s are sent again.", count) % {"count": count})
    return redirect(_PAGE, project_id, webhook_id)


@require_POST
def delete_webhook(request: HttpRequest, project_id: str, webhook_id: int) -> HttpResponse:
    access, webhook = _webhook(request, project_id, webhook_id)
    webhooks.delete_webhook(webhook=webhook, actor=access.user, now=clock.now())
    messages.success(request, _("The webhook is deleted."))
    return redirect("analytics:list-webhooks", project_id)
