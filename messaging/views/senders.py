"""Senders of a project, and the mailed link that verifies one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refusal
from messaging import queries
from messaging.domains import names
from messaging.forms import SenderForm
from messaging.models import Sender
from messaging.services import senders
from projects.access import project_or_404
from projects.models import Role


def list_senders(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER if request.method == "POST" else Role.VIEWER)
    form = SenderForm(request.POST or None)
    if form.is_valid():
        now = clock.now()
        try:
            sender = senders.add_sender(project=access.project, actor=access.user, now=now, **form.cleaned_data)
            is_of_domain = names.domain_of(sender.address) in queries.verified_domains(project=access.project)
            if not is_of_domain:
                senders.send_verification(sender=sender, now=now)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            given = {"address": sender.address}
            if is_of_domain:
                messages.success(request, _("%(address)s may send at once: its domain is verified.") % given)
            else:
                messages.success(request, _("A link is mailed to %(address)s. Open it within 24 hours.") % given)
            return redirect("messaging:list-senders", project_id)
    verified = queries.verified_domains(project=access.project)
    lines = [
        {"sender": sender, "is_of_domain": names.domain_of(sender.address) in verified}
        for sender in queries.senders(project=access.project)
    ]
    return render(request, "messaging/senders.html", {"form": form, "lines": lines, "tab": "senders"})


@require_POST
def resend_verification(request: HttpRequest, project_id: str, sender_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    sender = get_object_or_404(Sender.objects.select_related("project"), pk=sender_id, project=access.project)
    try:
        senders.send_verification(sender=sender, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("A new link is mailed to %(address)s.") % {"address": sender.address})
    return redirect("messaging:list-senders", project_id)


@require_POST
def delete_sender(request: HttpRequest, project_id: str, sender_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    sender = get_object_or_404(Sender, pk=sender_id, project=access.project)
    senders.delete_sender(sender=sender, actor=access.user, now=clock.now())
    return redirect("messaging:list-senders", project_id)


def verify_sender(request: HttpRequest, token: str) -> HttpResponse:
    """The mailed link: a page with a button, so that a link scanner verifies nothing; or why the link can't any more."""
    try:
        if request.method != "POST":
            senders.check_link(token=token, now=clock.now())
            return render(request, "messaging/verify_sender.html", {})
        sender = senders.verify_sender(token=token, now=clock.now())
    except senders.LinkUsed as used:
        return render(request, "messaging/verify_sender.html", {"used": used.message}, status=410)
    except Refusal as refusal:
        return render(request, "messaging/verify_sender.html", {"refusal": refusal.message}, status=404)
    return render(request, "messaging/verify_sender.html", {"sender": sender})
