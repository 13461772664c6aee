"""The access keys of a project: made by members who may edit, revoked by them and by owners."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from api import queries
from api.forms import AccessKeyForm
from api.services import access_keys
from core import clock
from core.errors import Refusal
from projects.access import project_or_404
from projects.models import Role

_PAGE = "api:list-access-keys"


def list_access_keys(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    lines, revoked = queries.key_lines(access=access)
    return render(request, "api/access_keys.html", {"lines": lines, "revoked": revoked, "endpoint_url": settings.PUBLIC_URL})


@never_cache
def create_access_key(request: HttpRequest, project_id: str) -> HttpResponse:
    """The answer to the form is the only page that ever shows the secret; no browser keeps it."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = AccessKeyForm(request.POST or None)
    if form.is_valid():
        try:
            made = access_keys.create_access_key(
                project=access.project,
                actor=access.user,
                name=form.cleaned_data["name"],
                rights=form.rights_chosen(),
                now=clock.now(),
            )
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            return render(request, "api/access_key_made.html", {"made": made, "endpoint_url": settings.PUBLIC_URL})
    return render(request, "api/access_key_create.html", {"form": form})


@require_POST
def revoke_access_key(request: HttpRequest, project_id: str, access_key_pk: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    key = get_object_or_404(queries.keys_of(project=access.project), pk=access_key_pk)
    if not queries.may_revoke(access=access, key=key):
        raise PermissionDenied
    try:
        access_keys.revoke_access_key(key=key, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The key is revoked. Nothing that it signs is accepted any more."))
    return redirect(_PAGE, project_id)
