"""The project's web pages: keys and what to copy for every member, made, changed and revoked by owners."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refusal
from endpoints import web_pages
from endpoints.forms import KeyForm
from projects.access import Access, project_or_404
from projects.models import PublicKey, Role
from projects.services import public_keys

_PAGE = "endpoints:show-web-pages"


def show_web_pages(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    cards, revoked = web_pages.keys(project=access.project)
    context = {
        "cards": cards, "revoked": revoked, "seen": web_pages.seen(project=access.project), "refused": web_pages.refused(cards=cards),
        "has_tls": settings.PUBLIC_URL.startswith("https://"),
    }  # fmt: skip
    return render(request, "endpoints/web_pages.html", context)


def list_seen(request: HttpRequest, project_id: str) -> HttpResponse:
    """The part of the page that looks again every few seconds."""
    access = project_or_404(request, project_id)
    cards, _revoked = web_pages.keys(project=access.project)
    context = {"seen": web_pages.seen(project=access.project), "refused": web_pages.refused(cards=cards)}
    return render(request, "endpoints/_web_pages_seen.html", context)


def create_key(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    return _edit(request, access, None)


def edit_key(request: HttpRequest, project_id: str, public_key_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    return _edit(request, access, _of(access, public_key_id))


@require_POST
def revoke_key(request: HttpRequest, project_id: str, public_key_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    public_keys.revoke_key(key=_of(access, public_key_id), actor=access.user, now=clock.now())
    messages.success(request, _("The key is revoked. Within seconds nothing is taken with it any more."))
    return redirect(_PAGE, project_id)


def _of(access: Access, public_key_id: int) -> PublicKey:
    return get_object_or_404(PublicKey.objects.select_related("project"), project=access.project, pk=public_key_id)


def _edit(request: HttpRequest, access: Access, key: PublicKey | None) -> HttpResponse:
    form = KeyForm(request.POST or None, initial=_initial(key) if key else None)
    if form.is_valid():
        try:
            if key is None:
                public_keys.make_key(project=access.project, actor=access.user, values=form.values(), now=clock.now())
            else:
                public_keys.change_key(key=key, actor=access.user, values=form.values(), now=clock.now())
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The key is saved. Pages follow within five minutes."))
            return redirect(_PAGE, access.project.public_id)
    secret = public_keys.secret_of(key) if key and not key.revoked_at else ""
    return render(request, "endpoints/key_edit.html", {"form": form, "key": key, "secret": secret})


def _initial(key: PublicKey) -> dict[str, object]:
    return {
        "name": key.name, "origins": "\n".join(key.origins), "needs_consent": key.needs_consent, "trusts_pages": key.trusts_pages,
        "takes_new_names": key.takes_new_names,
    }  # fmt: skip
