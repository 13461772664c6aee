"""The built-in mailbox of practice mode."""

from __future__ import annotations

import email
import email.message
import email.policy
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from core import keyset
from messaging import queries
from messaging.models import MailboxMessage
from messaging.views.mail_policy import mail_policy
from projects.access import project_or_404

_PAGE = 50


def list_mailbox(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    before = keyset.position(request.GET.get("before", ""))
    search = request.GET.get("q", "").strip()
    found = queries.mailbox(project=access.project, search=search, before=before, limit=_PAGE + 1)
    context = {"found": found[:_PAGE], "search": search, "next_before": found[_PAGE - 1].pk if len(found) > _PAGE else None}
    return render(request, "messaging/mailbox.html", context)


def show_message(request: HttpRequest, project_id: str, pk: int) -> HttpResponse:
    access = project_or_404(request, project_id)
    message = get_object_or_404(MailboxMessage, pk=pk, project=access.project)
    parsed = _parsed(message)
    text = parsed.get_body(("plain",))
    context = {
        "message": message,
        "headers": [(name, value) for name, value in _headers(parsed) if name != "Content-Type"],
        "has_html": parsed.get_body(("html",)) is not None,
        "text": _content(text),
    }
    return render(request, "messaging/mailbox_message.html", context)


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
