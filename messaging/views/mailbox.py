"""The built-in mailbox: a project's messages for its members, the installation's own mails for superusers."""

from __future__ import annotations

import email
import email.message
import email.policy
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from core import keyset
from messaging import queries
from messaging.models import MailboxMessage
from messaging.views.mail_policy import mail_policy
from projects.access import project_or_404, superuser_or_404
from projects.models import Project

_PAGE = 50


def list_mailbox(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    return render(request, "messaging/mailbox.html", _page(request, access.project))


def show_message(request: HttpRequest, project_id: str, pk: int) -> HttpResponse:
    access = project_or_404(request, project_id)
    message = get_object_or_404(MailboxMessage, pk=pk, project=access.project)
    return render(request, "messaging/mailbox_message.html", _shown(message))


@login_required
def list_installation_mailbox(request: HttpRequest) -> HttpResponse:
    """Password links and invitations: whoever reads them can be anybody, so only who may that anyway."""
    superuser_or_404(request)
    return render(request, "messaging/installation_mailbox.html", _page(request, None))


@login_required
def show_installation_message(request: HttpRequest, message_id: int) -> HttpResponse:
    superuser_or_404(request)
    message = get_object_or_404(MailboxMessage, pk=message_id, project=None)
    return render(request, "messaging/installation_message.html", _shown(message))


def _page(request: HttpRequest, project: Project | None) -> dict[str, Any]:
    before = keyset.position(request.GET.get("before", ""))
    search = request.GET.get("q", "").strip()
    found = queries.mailbox(project=project, search=search, before=before, limit=_PAGE + 1)
    return {"found": found[:_PAGE], "search": search, "next_before": found[_PAGE - 1].pk if len(found) > _PAGE else None}


def _shown(message: MailboxMessage) -> dict[str, Any]:
    parsed = _parsed(message)
    text = parsed.get_body(("plain",))
    return {
        "message": message,
        "headers": [(name, value) for name, value in _headers(parsed) if name != "Content-Type"],
        "has_html": parsed.get_body(("html",)) is not None,
        "text": _content(text),
    }


@mail_policy
def show_html(request: HttpRequest, project_id: str, pk: int) -> HttpResponse:
    access = project_or_404(request, project_id)
    message = get_object_or_404(MailboxMessage, pk=pk, project=access.project)
    part = _parsed(message).get_body(("html",))
    return HttpResponse('<base target="_blank">' + _content(part))


def download_raw(request: HttpRequest, project_id: str, pk: int) -> HttpResponse:
    access = project_or_404(request, project_id)
    message = get_object_or_404(MailboxMessage, pk=pk, project=access.project)
    return HttpResponse(
        bytes(message.raw), content_type="message/rfc822", headers={"Content-Disposition": f'attachment; filename="{pk}.eml"'}
    )


def _parsed(message: MailboxMessage) -> email.message.EmailMessage[Any, Any]:
    return email.message_from_bytes(bytes(message.raw), policy=email.policy.default)


def _headers(parsed: email.message.EmailMessage[Any, Any]) -> Iterator[tuple[str, str]]:
    for name, raw in parsed.raw_items():
        try:
            yield name, str(parsed.policy.header_fetch_parse(name, raw))
        except (ValueError, LookupError, AttributeError, TypeError):
            yield name, str(raw)  # too malformed for the standard library's parser


def _content(part: email.message.MIMEPart[Any, Any] | None) -> str:
    """The text of a part; bytes that are not what the part says are marked, not refused."""
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # a charset that nobody knows
        raw = part.get_payload(decode=True)
        return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""
