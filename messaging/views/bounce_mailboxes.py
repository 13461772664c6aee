"""A project's bounce mailbox, for its owners: how it goes, changed, looked into at once, deleted."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refusal
from messaging import queries
from messaging.models import BounceMailbox
from messaging.outcome_forms import BounceMailboxForm
from messaging.services import bounce_mailboxes
from projects.access import project_or_404
from projects.models import Role


def edit_bounce_mailbox(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    mailbox = queries.bounce_mailbox(project=access.project)
    form = BounceMailboxForm(request.POST or None, initial=BounceMailboxForm.initial_of(mailbox) if mailbox else None)
    if form.is_valid():
        values = bounce_mailboxes.MailboxValues(**form.cleaned_data)
        try:
            bounce_mailboxes.save_mailbox(project=access.project, actor=access.user, values=values, now=clock.now())
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The mailbox can be opened, and is looked into every minute from now on."))
            return redirect("messaging:edit-bounce-mailbox", project_id)
    context = {
        "form": form, "mailbox": mailbox, "tab": "bounces", "return_path_host": settings.RETURN_PATH_HOST,
        "has_installations": bool(settings.BOUNCE_MAILBOX_URL),
    }  # fmt: skip
    return render(request, "messaging/bounce_mailbox.html", context)


@require_POST
def look_into_bounce_mailbox(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    mailbox = get_object_or_404(BounceMailbox, project=access.project)
    bounce_mailboxes.ask(mailbox=mailbox, now=clock.now())
    messages.success(request, _("It is looked into within seconds. Load this page again then."))
    return redirect("messaging:edit-bounce-mailbox", project_id)


@require_POST
def delete_bounce_mailbox(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    mailbox = get_object_or_404(BounceMailbox, project=access.project)
    bounce_mailboxes.delete_mailbox(mailbox=mailbox, actor=access.user, now=clock.now())
    return redirect("messaging:edit-bounce-mailbox", project_id)
