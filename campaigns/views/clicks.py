"""The mail itself with the clicks drawn on it, and beside it the list of its links."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.translation import gettext as _

from campaigns.clicks import lines, messages
from campaigns.clicks.messages import SentMessage
from campaigns.models import Campaign, Run
from campaigns.views.access import campaign_or_404
from core import keyset
from core.audience import Audience
from endpoints.queries import EndpointRow, endpoint_rows
from messaging.rendering import Badge, Drawn, Marks, MessageProgram, TemplateError, compile_content, drawn
from messaging.rendering import render as render_message
from messaging.views.mail_policy import mail_policy
from segments import queries as segment_queries


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a page is about: one of the campaign's messages (None: it has none), with the values of a member (None: without)."""

    campaign: Campaign
    all: list[SentMessage]
    message: SentMessage | None
    member: EndpointRow | None
    search: str
    is_unknown: bool  # nobody is found who is searched for

    @property
    def query(self) -> str:
        """For the address of the frame."""
        return urlencode({"message": self.message.key if self.message else "", "id": self.member.id if self.member else ""})


def _asked(request: HttpRequest, campaign: Campaign) -> _Asked:
    """``?message=`` names the message, ``?member=`` searches for a member, ``?after=`` takes the next one, ``?id=`` exactly one."""
    found = messages.sent_messages(campaign=campaign)
    key = request.GET.get("message", "")
    if key and found and key not in [one.key for one in found]:
        raise Http404
    message = next((one for one in found if one.key == key), found[0] if found else None)
    search = request.GET.get("member", "").strip()
    searched = segment_queries.find_endpoint(project_id=campaign.project_id, text=search.lower()) if search else []
    chosen = keyset.position(request.GET.get("id", ""))
    ids = searched or ([] if chosen is None else [chosen])
    if not ids and message is not None:
        ids = _recipient(message, keyset.position(request.GET.get("after", "")) or 0)
    rows = endpoint_rows(project_id=campaign.project_id, ids=ids) if ids else []
    member = rows[0] if rows else None
    return _Asked(campaign, found, message, member, search, is_unknown=bool(search) and not searched)


def _recipient(message: SentMessage, after: int) -> list[int]:
    audience = Run.objects.only("audience").get(pk=message.newest).audience or Audience()
    return audience.after(endpoint_id=after, limit=1) or audience.after(endpoint_id=0, limit=1)


def show_clicks(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    _access, campaign = campaign_or_404(request, project_id, campaign_id)
    asked = _asked(request, campaign)
    context: dict[str, object] = {"campaign": campaign, "asked": asked}
    if asked.message is not None:
        try:
            program, found = _clicks(asked)
        except TemplateError as error:
            context["refusal"] = error.message
        else:
            context |= {"clicks": found, "seen": _drawn(program, asked, found).seen, "subject": _subject(program, asked)}
    return render(request, "campaigns/clicks.html", context)


@mail_policy
def show_clicks_mail(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """What the frame shows."""
    _access, campaign = campaign_or_404(request, project_id, campaign_id)
    asked = _asked(request, campaign)
    if asked.message is None:
        raise Http404
    try:
        program, found = _clicks(asked)
        return HttpResponse(_drawn(program, asked, found).page)
    except TemplateError as error:
        return HttpResponse(escape(error.message))


def _clicks(asked: _Asked) -> tuple[MessageProgram, lines.Clicks]:
    """Raises ``TemplateError``."""
    assert asked.message is not None  # the callers ask
    content = messages.content_of_message(campaign=asked.campaign, message=asked.message)
    program = compile_content(content, allow_unescaped=True)
    return program, lines.clicks_of(campaign=asked.campaign, message=asked.message, links=program.links)


def _subject(program: MessageProgram, asked: _Asked) -> str:
    return render_message(program, document=asked.member.document if asked.member else {}).subject


def _drawn(program: MessageProgram, asked: _Asked, found: lines.Clicks) -> Drawn:
    marks = Marks(word=f"m{secrets.token_hex(16)}")
    page = render_message(program, document=asked.member.document if asked.member else {}, links=marks).html

    def badge_of(number: int | None) -> Badge:
        line = found.of(number)
        if line is None:
            return Badge(_("%(count)s unsubscribed") % {"count": found.unsubscribed}, 0)
        return Badge(f"{line.rank} · {line.share:.1f} %", line.heat)

    head = render_to_string("campaigns/clicks_head.html")
    return drawn(page, marks=marks, badge_of=badge_of, head=head)
