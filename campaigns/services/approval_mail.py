"""Mails about an approval: to those who may give it, then to who asked. Each at most once; the pages say the same."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from campaigns import approval
from campaigns.models import ApprovalRequest
from projects.models import User

_log = logging.getLogger(__name__)
_TOLD = (ApprovalRequest.State.OPEN, ApprovalRequest.State.APPROVED, ApprovalRequest.State.SENT_BACK)
_OLD = datetime.timedelta(hours=1)  # a mail that is later than this says nothing new


def unmailed(*, now: datetime.datetime) -> list[int]:
    """The requests whose newest step nobody was mailed: the message that asked for it was lost."""
    found = ApprovalRequest.objects.filter(state__in=_TOLD, campaign__project__deleted_at=None).exclude(mailed_state=F("state"))
    changed = [(pk, decided or asked) for pk, asked, decided in found.values_list("pk", "asked_at", "decided_at")]
    return [pk for pk, at in changed if at > now - _OLD]


def mail_request(*, request_id: int) -> None:
    """Say what the request's state is to those whom it concerns. Two at once: one of them mails."""
    found = ApprovalRequest.objects.filter(pk=request_id, state__in=_TOLD).exclude(mailed_state=F("state"))
    request = found.select_related("campaign__project", "asked_by", "decided_by").first()
    if request is None or not found.filter(state=request.state).update(mailed_state=request.state):
        return
    people: Iterable[User]
    if request.state == ApprovalRequest.State.OPEN:
        people = approval.approvers(campaign=request.campaign)
    else:
        people = [request.asked_by] if request.asked_by is not None and request.asked_by.is_active else []
    for person in people:
        with translation.override(person.language or settings.LANGUAGE_CODE):
            message = EmailMessage(subject=_subject(request), body=_body(request), to=[person.email])
        try:
            message.send()
        except OSError as error:
            _log.warning("approval of campaign %s was not mailed: %s", request.campaign.public_id, error)


def _given(request: ApprovalRequest) -> dict[str, str]:
    campaign = request.campaign
    link = settings.PUBLIC_URL + reverse("campaigns:show-campaign", args=[campaign.project.public_id, campaign.public_id])
    who = request.asked_by if request.state == ApprovalRequest.State.OPEN else request.decided_by
    said = request.note if request.state == ApprovalRequest.State.OPEN else request.answer
    return {
        "who": str(who or "–"), "campaign": campaign.name, "project": campaign.project.name, "link": link,
        "said": f"{said}\n\n" if said else "",
    }  # fmt: skip


def _subject(request: ApprovalRequest) -> str:
    sentence = {
        ApprovalRequest.State.OPEN: _("“%(campaign)s” waits for your approval"),
        ApprovalRequest.State.APPROVED: _("“%(campaign)s” is approved and launched"),
        ApprovalRequest.State.SENT_BACK: _("“%(campaign)s” was sent back"),
    }[ApprovalRequest.State(request.state)]
    return " ".join((sentence % _given(request)).split())  # one line, whatever the name


def _body(request: ApprovalRequest) -> str:
    text = {
        ApprovalRequest.State.OPEN: _(
            "%(who)s asks for approval of the campaign “%(campaign)s” (%(project)s).\n\n%(said)sLook it over:\n%(link)s"
        ),
        ApprovalRequest.State.APPROVED: _(
            "%(who)s approved the campaign “%(campaign)s” (%(project)s), and it is launched.\n\n%(said)s%(link)s"
        ),
        ApprovalRequest.State.SENT_BACK: _("%(who)s sent the campaign “%(campaign)s” (%(project)s) back:\n\n%(said)s%(link)s"),
    }[ApprovalRequest.State(request.state)]
    return text % _given(request)
