"""Messages to addresses, endpoints and users at once (reference, section 8.1)."""

from __future__ import annotations

import dataclasses
import email.utils
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from api.operations.contract import Call, Document, Entry, sends
from api.protocol.errors import BadRequest
from endpoints import queries as endpoint_queries
from endpoints.models import ChannelType
from endpoints.queries import EndpointRow
from messaging import queries as messaging_queries
from messaging.direct import DirectMessage, Recipient
from messaging.rendering import MessageContent
from messaging.services import direct_messages
from messaging.services.direct_messages import Result

TITLE = "Messages"
_MOST = 100  # recipients of a request (reference, section 8.1)
_PUSH = frozenset({
    ChannelType.PUSH, ChannelType.GCM, ChannelType.APNS, ChannelType.APNS_SANDBOX, ChannelType.APNS_VOIP, ChannelType.APNS_VOIP_SANDBOX,
    ChannelType.ADM, ChannelType.BAIDU,
})  # fmt: skip
_APNS = frozenset(channel for channel in _PUSH if channel.startswith("APNS"))
# What a request may say → the channels that it says it for.
_MESSAGES: dict[str, frozenset[str]] = {
    "DefaultMessage": frozenset(ChannelType.values), "DefaultPushNotificationMessage": frozenset(_PUSH),
    "EmailMessage": frozenset({ChannelType.EMAIL}), "SMSMessage": frozenset({ChannelType.SMS}),
    "VoiceMessage": frozenset({ChannelType.VOICE}), "GCMMessage": frozenset({ChannelType.GCM}), "APNSMessage": _APNS,
    "ADMMessage": frozenset({ChannelType.ADM}), "BaiduMessage": frozenset({ChannelType.BAIDU}),
}  # fmt: skip
_TEMPLATES: dict[str, frozenset[str]] = {
    "EmailTemplate": frozenset({ChannelType.EMAIL}), "SMSTemplate": frozenset({ChannelType.SMS}),
    "VoiceTemplate": frozenset({ChannelType.VOICE}), "PushTemplate": frozenset(_PUSH),
}  # fmt: skip
_NO_ENDPOINT = Result("PERMANENT_FAILURE", 404, "There is no such endpoint.")


def send_messages(call: Call) -> Document:
    """Send an e-mail to up to 100 addresses and endpoints at once; each is answered by itself."""
    request: dict[str, Any] = call.params["MessageRequest"]
    addresses, endpoints = request.get("Addresses") or {}, request.get("Endpoints") or {}
    if not addresses and not endpoints:
        raise BadRequest("Addresses, Endpoints: one of them is needed.")
    if len(addresses) + len(endpoints) > _MOST:
        raise BadRequest(f"Addresses, Endpoints: {len(addresses) + len(endpoints)} recipients; {_MOST} are possible.")
    rows = {one: endpoint_queries.endpoint_named(project_id=call.project.pk, endpoint_id=one) for one in endpoints}
    recipients = [*_addresses(addresses), *(_endpoint(f"e:{one}", row, endpoints[one]) for one, row in rows.items() if row)]
    message = _message(call, request, recipients)
    found = direct_messages.send_direct(project=call.project, recipients=recipients, message=message, now=call.now)
    return {
        "ApplicationId": call.project.public_id, "RequestId": call.request_id,
        "Result": {one: _answered(found[f"a:{one}"]) for one in addresses},
        "EndpointResult": {
            one: {**_answered(found.get(f"e:{one}", _NO_ENDPOINT)), "Address": row.address if row else None}
            for one, row in rows.items()
        },
    }  # fmt: skip


def send_users_messages(call: Call) -> Document:
    """Send to the endpoints of up to 100 users whose channel the request has a message for."""
    request: dict[str, Any] = call.params["SendUsersMessageRequest"]
    channels = _channels(request)
    rows = {one: list(_of_user(call, one, channels)) for one in request["Users"]}
    recipients = [
        _endpoint(f"{user}\n{row.document['Id']}", row, request["Users"][user]) for user, found in rows.items() for row in found
    ]
    message = _message(call, request, recipients)
    answered = direct_messages.send_direct(project=call.project, recipients=recipients, message=message, now=call.now)
    return {
        "ApplicationId": call.project.public_id, "RequestId": call.request_id,
        "Result": {
            user: {
                row.document["Id"]: {**_answered(answered[f"{user}\n{row.document['Id']}"]), "Address": row.address} for row in found
            }
            for user, found in rows.items()
        },
    }  # fmt: skip


def _channels(request: Mapping[str, Any]) -> frozenset[str]:
    """Those that the request has a message for."""
    messages, templates = request["MessageConfiguration"], request.get("TemplateConfiguration") or {}
    found = [_MESSAGES[name] for name in messages] + [_TEMPLATES[name] for name in templates if name in _TEMPLATES]
    return frozenset().union(*found)


def _of_user(call: Call, user_id: str, channels: Collection[str]) -> Iterator[EndpointRow]:
    for row in endpoint_queries.endpoints_of_user(project_id=call.project.pk, user_id=user_id):
        if row.document.get("ChannelType") in channels:
            yield row


def _addresses(given: Mapping[str, Mapping[str, Any]]) -> Iterator[Recipient]:
    for address, said in given.items():
        blank = Recipient(key=f"a:{address}", address=address, channel=said.get("ChannelType", ""))
        yield _with_overrides(blank, said)


def _endpoint(key: str, row: EndpointRow, said: Mapping[str, Any]) -> Recipient:
    made = Recipient(
        key=key, address=row.address, channel=row.document.get("ChannelType", ""), endpoint_pk=row.id, opt_out=row.opt_out,
        document=row.document,
    )  # fmt: skip
    return _with_overrides(made, said)


def _with_overrides(recipient: Recipient, said: Mapping[str, Any]) -> Recipient:
    return dataclasses.replace(
        recipient,
        title=said.get("TitleOverride", ""),
        body=said.get("BodyOverride", ""),
        substitutions=said.get("Substitutions") or {},
    )


def _message(call: Call, request: Mapping[str, Any], recipients: Collection[Recipient]) -> DirectMessage:
    """The e-mail: raw, a template, the message's own parts, or the default body; an empty one where nobody gets e-mails.

    Raises ``BadRequest``.
    """
    configuration: Mapping[str, Any] = request["MessageConfiguration"]
    if _channels(request) and not any(one.channel == ChannelType.EMAIL for one in recipients):
        return DirectMessage(content=MessageContent(from_address="", subject=""))
    mail, default = configuration.get("EmailMessage") or {}, configuration.get("DefaultMessage") or {}
    substitutions = {**(default.get("Substitutions") or {}), **(mail.get("Substitutions") or {})}
    raw = (mail.get("RawEmail") or {}).get("Data") or b""
    chosen = (request.get("TemplateConfiguration") or {}).get("EmailTemplate")
    if raw:
        content = MessageContent(from_address="", subject="")
    else:
        content = _from(mail, _template(call, chosen) if chosen else _parts(mail, default))
    return DirectMessage(content=content, substitutions=substitutions, raw=raw)


def _from(mail: Mapping[str, Any], content: MessageContent) -> MessageContent:
    name, address = email.utils.parseaddr(mail.get("FromAddress", ""))
    reply_to = next(iter(mail.get("ReplyToAddresses") or []), "")
    return dataclasses.replace(content, from_name=name, from_address=address, reply_to=reply_to)


def _template(call: Call, chosen: Mapping[str, Any]) -> MessageContent:
    name, version = chosen.get("Name", ""), chosen.get("Version")
    found = messaging_queries.email_template(project=call.project, name=name, version=version)
    if found is None:
        raise BadRequest(
            f"TemplateConfiguration.EmailTemplate: there is no template {name!r}{f' with a version {version}' if version else ''}."
        )
    return found[1]


def _parts(mail: Mapping[str, Any], default: Mapping[str, Any]) -> MessageContent:
    simple = mail.get("SimpleEmail") or {}

    def part(name: str) -> str:
        return str((simple.get(name) or {}).get("Data") or "")

    html, text = part("HtmlPart"), part("TextPart") or (mail.get("Body") or "")
    if not html and not text:
        text = default.get("Body", "")
    if not html and not text:
        raise BadRequest(
            "MessageConfiguration: it needs an EmailMessage (SimpleEmail, RawEmail), a DefaultMessage, or a template."
        )
    headers = tuple((one.get("Name", ""), one.get("Value", "")) for one in simple.get("Headers") or ())
    return MessageContent(from_address="", subject=part("Subject"), html=html, text=text, headers=headers)


def _answered(result: Result) -> dict[str, Any]:
    return {
        "DeliveryStatus": result.status, "StatusCode": result.code, "StatusMessage": result.message,
        "MessageId": result.message_id or None,
    }  # fmt: skip


TABLE: dict[str, Entry] = {"SendMessages": sends(send_messages), "SendUsersMessages": sends(send_users_messages)}
