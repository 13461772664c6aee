"""The channels of a project (reference, section 1): all ten are kept and answered; only e-mail is sent by this version.

Secrets are sealed when they come and never given back.
"""

from __future__ import annotations

from typing import Any

from api.operations.contract import Call, Document, Entry, Function, administers, not_found, reads
from messaging.models import ChannelKind, ProjectChannel
from messaging.services import channels

TITLE = "Channels"
# The word in an operation's name → the kind, and the member of its request.
KINDS = {
    "Email": (ChannelKind.EMAIL, "EmailChannelRequest"), "Sms": (ChannelKind.SMS, "SMSChannelRequest"),
    "Voice": (ChannelKind.VOICE, "VoiceChannelRequest"), "Gcm": (ChannelKind.GCM, "GCMChannelRequest"),
    "Apns": (ChannelKind.APNS, "APNSChannelRequest"), "ApnsSandbox": (ChannelKind.APNS_SANDBOX, "APNSSandboxChannelRequest"),
    "ApnsVoip": (ChannelKind.APNS_VOIP, "APNSVoipChannelRequest"),
    "ApnsVoipSandbox": (ChannelKind.APNS_VOIP_SANDBOX, "APNSVoipSandboxChannelRequest"),
    "Adm": (ChannelKind.ADM, "ADMChannelRequest"), "Baidu": (ChannelKind.BAIDU, "BaiduChannelRequest"),
}  # fmt: skip
SECRETS = {"ApiKey", "Certificate", "ClientId", "ClientSecret", "PrivateKey", "SecretKey", "ServiceJson", "TokenKey"}


def get_channels(call: Call) -> Document:
    """Those that were set, by their names."""
    rows = ProjectChannel.objects.filter(project=call.project).select_related("updated_by").order_by("kind")
    return {"Channels": {channel.kind: _document(call, channel) for channel in rows}}


def _get(kind: ChannelKind, _member: str) -> Function:
    def get(call: Call) -> Document:
        """What was set, without secrets."""
        return _document(call, _found(call, kind))

    return get


def _update(kind: ChannelKind, member: str) -> Function:
    def update(call: Call) -> Document:
        """Set the channel, or change what is given of it."""
        request: dict[str, Any] = call.params[member]
        held = {name: value for name, value in request.items() if name not in SECRETS | {"Enabled"}}
        secrets = {name: value for name, value in request.items() if name in SECRETS}
        saved = channels.save_channel(
            project=call.project, actor=call.actor, kind=kind, document=held, secrets=secrets, is_enabled=request.get("Enabled"),
            now=call.now,
        )  # fmt: skip
        return _document(call, saved)

    return update


def _delete(kind: ChannelKind, _member: str) -> Function:
    def delete(call: Call) -> Document:
        """Forget it, with its secrets."""
        channel = _found(call, kind)
        document = _document(call, channel)
        channels.delete_channel(channel=channel, actor=call.actor, now=call.now)
        return document

    return delete


def _found(call: Call, kind: ChannelKind) -> ProjectChannel:
    rows = ProjectChannel.objects.select_related("project", "updated_by")
    found = rows.filter(project=call.project, kind=kind).first()
    if found is None:
        raise not_found("Channel")
    return found


def _document(call: Call, channel: ProjectChannel) -> Document:
    has_secret = bool(channel.sealed_secrets)
    return {
        **channel.document, "ApplicationId": call.project.public_id, "Id": channel.kind.lower(), "Platform": channel.kind,
        "Enabled": channel.is_enabled, "HasCredential": has_secret or channel.kind in (ChannelKind.EMAIL, ChannelKind.SMS),
        "HasTokenKey": has_secret, "HasFcmServiceCredentials": has_secret, "IsArchived": False, "Version": channel.version,
        "CreationDate": channel.created_at, "LastModifiedDate": channel.updated_at, "LastModifiedBy": str(channel.updated_by or ""),
        "Credential": "",
    }  # fmt: skip


TABLE: dict[str, Entry] = {
    "GetChannels": reads(get_channels),
    **{f"Get{word}Channel": reads(_get(*kind)) for word, kind in KINDS.items()},
    **{f"Update{word}Channel": administers(_update(*kind)) for word, kind in KINDS.items()},
    **{f"Delete{word}Channel": administers(_delete(*kind)) for word, kind in KINDS.items()},
}
