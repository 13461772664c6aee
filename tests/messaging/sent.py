"""A run that has sent messages, and what others tell of them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from analytics.links import LinkContext, run_links
from campaigns.models import Campaign, Run
from core.audience import Audience
from endpoints.models import Endpoint
from messaging.domains.return_path import tokens_of
from projects.models import Project
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

NOW = datetime.datetime(2026, 11, 26, 1, 0, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Sent:
    run: Run
    campaign: Campaign
    project: Project
    endpoints: list[Endpoint]

    def token(self, place: int = 0) -> str:
        return tokens_of(run_id=self.run.pk).token(self.endpoints[place].pk)

    def path(self, place: int = 0) -> str:
        return f"{self.token(place)}@bounces.shop.example"

    def message_id(self, place: int = 0) -> str:
        return f"<{self.run.public_id}.{self.endpoints[place].pk}@shop.example>"

    def unsubscribe(self, place: int = 0) -> str:
        context = LinkContext(project_id=self.project.pk, campaign_id=self.campaign.pk, run_id=self.run.pk)
        return f"<{run_links(context=context).unsubscribe_url(self.endpoints[place].pk)}>"


def make_sent(*, count: int = 1, project: Project | None = None) -> Sent:
    project = project or make_project(mode="LIVE")
    endpoints = [make_endpoint(project=project) for _number in range(count)]
    segment = make_import_segment(project=project, members=Audience([one.pk for one in endpoints]))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment), state="COMPLETED", launched_at=NOW)
    run = Run.objects.create(
        project=project, campaign=campaign, occurrence_at=NOW, due_at=NOW, state="COMPLETED", completed_at=NOW, campaign_version=1,
        targeted=count, frozen=count, audience=Audience([one.pk for one in endpoints]),
    )  # fmt: skip
    return Sent(run, campaign, project, endpoints)


def dsn(
    sent: Sent, place: int = 0, *, status: str = "5.1.1", diagnostic: str = "smtp; 550 5.1.1 <x>: user unknown", action: str = "failed",
    to: str | None = None, recipient: str | None = None, returned: str | None = None, number: int = 1,
) -> bytes:  # fmt: skip
    """A delivery report as Postfix writes it."""
    to = sent.path(place) if to is None else to
    recipient = sent.endpoints[place].address if recipient is None else recipient
    returned = f"Message-ID: {sent.message_id(place)}\nTo: {recipient}\n" if returned is None else returned
    return f"""Return-Path: <>
Delivered-To: bounces@mx.example
From: MAILER-DAEMON@mx.example
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-Id: <dsn-{number}@mx.example>
Date: Thu, 26 Nov 2026 09:59:00 +0900
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Thu, 26 Nov 2026 09:58:00 +0900

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.there.example
Diagnostic-Code: {diagnostic}

--b1
Content-Type: text/rfc822-headers

{returned}Subject: hello

--b1--
""".replace("\n", "\r\n").encode()


def arf(sent: Sent, place: int = 0, *, kind: str = "abuse", to: str = "fbl@shop.example", head: str | None = None) -> bytes:
    """A spam report, the recipient struck out, as feedback loops send them."""
    head = f"List-Unsubscribe: {sent.unsubscribe(place)}\n" if head is None else head
    return f"""From: fbl@provider.example
To: {to}
Subject: FW: hello
Message-ID: <arf-{place}-{kind}@provider.example>
Date: Thu, 26 Nov 2026 00:59:30 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b2"

--b2
Content-Type: text/plain; charset=us-ascii

This is a spam report.

--b2
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <somebody@shop.example>

--b2
Content-Type: message/rfc822

From: shop@shop.example
To: redacted@provider.example
{head}Subject: hello

spam?
--b2--
""".replace("\n", "\r\n").encode()
