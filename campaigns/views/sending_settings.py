"""The project's sending limits: Pinpoint's Settings resource, and our rules beside it."""

from __future__ import annotations

import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from campaigns import limit_forms
from core import clock
from core.errors import Refusal
from projects.access import project_or_404
from projects.models import Role, SendingSettings
from projects.services import settings as sending_settings

_NEW = "new"


def edit_sending_settings(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER if request.method == "POST" else Role.VIEWER)
    stored = SendingSettings.objects.filter(project=access.project).first()
    base = stored.updated_at.isoformat() if stored else _NEW
    document = stored.document if stored else {}
    form = limit_forms.SendingSettingsForm(request.POST or None, initial=limit_forms.settings_initial(document) | {"base": base})
    if form.is_valid():
        seen = str(form.cleaned_data["base"])
        try:
            sending_settings.save_sending_settings(
                project=access.project, actor=access.user, document=form.settings(stored=document), now=clock.now(),
                base=_moment(seen), is_new=seen == _NEW,
            )  # fmt: skip
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The sending limits are saved."))
            return redirect("campaigns:edit-sending-settings", project_id)
    return render(request, "campaigns/sending_settings.html", {"form": form, "is_stored": stored is not None})


def _moment(text: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
