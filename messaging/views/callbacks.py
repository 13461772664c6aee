"""What recipients call: the unsubscribe link (RFC 8058). GET shows a page; only POST acts."""

from __future__ import annotations

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from analytics.links import BadToken, SignedHit, read_token
from core import clock
from endpoints.models import OptOutEntry
from messaging.services import unsubscribe
from projects.models import Project


@csrf_exempt  # a mail program posts without cookies; the token is what authorises
@require_http_methods(["GET", "HEAD", "POST"])
def show_unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    try:
        hit = read_token(token)
        if hit.kind != "unsubscribe":
            raise BadToken(hit.kind)
    except BadToken:
        return render(request, "messaging/unsubscribe.html", {"is_bad": True}, status=404)
    context: dict[str, object] = {"project_name": _project_name(hit), "token": token}
    if request.method == "POST":
        is_back = "resubscribe" in request.POST
        one_click = request.POST.get("List-Unsubscribe") == "One-Click"
        source = OptOutEntry.Source.ONE_CLICK if one_click else OptOutEntry.Source.LINK
        unsubscribe.take(
            hit=hit, is_back=is_back, source=source, now=clock.now(),
            user_agent=request.headers.get("User-Agent", ""), ip=request.META.get("REMOTE_ADDR", ""),
        )  # fmt: skip
        context["done"] = "back" if is_back else "out"
    return render(request, "messaging/unsubscribe.html", context)


def _project_name(hit: SignedHit) -> str:
    try:
        return Project.objects.values_list("name", flat=True).get(pk=hit.context.project_id)
    except (Project.DoesNotExist, Error):
        return ""  # the page must work while the database is away
