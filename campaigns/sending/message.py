"""The message of a run: compiled once from the frozen content, built for each recipient."""

from __future__ import annotations

import datetime
import email.utils
import hashlib
from typing import Any

from analytics.links import RunLinks
from campaigns.models import Run
from endpoints.queries import EndpointRow
from messaging.delivery import OutgoingMessage, routing
from messaging.domains import signing
from messaging.domains.dkim import Signer
from messaging.domains.return_path import return_path_for, tokens_of
from messaging.rendering import MessageContent, MimeBuilder, compile_content, render
from messaging.rendering.mime import ascii_address
from projects.models import Project


def content_of(content: dict[str, Any]) -> MessageContent:
    """The renderer's content from Pinpoint's EmailMessage and our ``Pabal`` member."""
    message, pabal = content["Message"], content.get("Pabal", {})
    name, address = email.utils.parseaddr(message.get("FromAddress", ""))
    return MessageContent(
        from_address=address,
        from_name=name,
        reply_to=pabal.get("ReplyTo", ""),
        subject=message.get("Title", ""),
        preheader=pabal.get("Preheader", ""),
        html=message.get("HtmlBody", ""),
        text=message.get("Body", ""),
        defaults=pabal.get("DefaultSubstitutions", {}),
        headers=tuple((one.get("Name", ""), one.get("Value", "")) for one in message.get("Headers") or ()),
    )


def message_key(content: dict[str, Any]) -> str:
    """The same for all that number their links alike; empty for what is no e-mail with HTML."""
    html = content.get("Message", {}).get("HtmlBody", "")
    return hashlib.sha256(html.encode("utf-8", "replace")).hexdigest()[:32] if html else ""


def sender_of(run: Run) -> str:
    """The address that a run's messages come from; empty for one that was cancelled before it was frozen."""
    return content_of(run.content).from_address if run.content else ""


def signer_of(*, project: Project, address: str) -> Signer | None:
    """What signs an address's messages; it leaves out what their relay writes anew."""
    rewritten = routing.rewritten_headers(project=project, sender=address)
    return signing.signer_for(project=project, address=address, without=rewritten)


class RunMessage:
    """Builds a run's messages; raises ``TemplateError`` when it is made, never later."""

    def __init__(self, *, run: Run, links: RunLinks) -> None:
        content = content_of(run.content)
        self._program = compile_content(content, allow_unescaped=True)  # the freeze has asked whether the project allows it
        self._links = links
        self._run_id = run.public_id
        self._sender = ascii_address(content.from_address)
        self._return_path = return_path_for(project=run.project, address=content.from_address, run_id=run.pk)
        self._tokens = self._return_path or tokens_of(run_id=run.pk)
        self._mime = MimeBuilder(
            content=content,
            project_id=run.project.public_id,
            run_id=run.public_id,
            campaign_id=run.campaign.public_id,
            list_name=run.project.name,
            signer=signer_of(project=run.project, address=content.from_address),
        )

    @property
    def links(self) -> list[str]:
        return self._program.links

    def build(self, *, row: EndpointRow, now: datetime.datetime, domain: int | None = None) -> OutgoingMessage:
        """Raises ``ValueError`` for an address that no header can carry. ``domain``: the number of where it goes."""
        self._links.set_recipient(row.id, domain)
        rendered = render(self._program, document=row.document, links=self._links, endpoint_id=row.id, now=now)
        data = self._mime.build(rendered=rendered, recipient=row.address, message_id=f"{self._run_id}.{row.id}", now=now)
        token = self._tokens.token(row.id)
        envelope_from = self._sender if self._return_path is None else self._return_path.of_token(token)
        return OutgoingMessage(endpoint_id=row.id, recipient=row.address, envelope_from=envelope_from, data=data, token=token)
