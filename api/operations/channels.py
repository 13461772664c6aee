"""The channels of a project (reference, section 1)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Channels"
_LATER = Unserved("channels are not served by the API yet.")

TABLE: dict[str, Entry] = {
    "GetChannels": _LATER,
    "GetEmailChannel": _LATER,
    "UpdateEmailChannel": _LATER,
    "DeleteEmailChannel": _LATER,
    "GetSmsChannel": _LATER,
    "UpdateSmsChannel": _LATER,
    "DeleteSmsChannel": _LATER,
    "GetVoiceChannel": _LATER,
    "UpdateVoiceChannel": _LATER,
    "DeleteVoiceChannel": _LATER,
    "GetGcmChannel": _LATER,
    "UpdateGcmChannel": _LATER,
    "DeleteGcmChannel": _LATER,
    "GetApnsChannel": _LATER,
    "UpdateApnsChannel": _LATER,
    "DeleteApnsChannel": _LATER,
    "GetApnsSandboxChannel": _LATER,
    "UpdateApnsSandboxChannel": _LATER,
    "DeleteApnsSandboxChannel": _LATER,
    "GetApnsVoipChannel": _LATER,
    "UpdateApnsVoipChannel": _LATER,
    "DeleteApnsVoipChannel": _LATER,
    "GetApnsVoipSandboxChannel": _LATER,
    "UpdateApnsVoipSandboxChannel": _LATER,
    "DeleteApnsVoipSandboxChannel": _LATER,
    "GetAdmChannel": _LATER,
    "UpdateAdmChannel": _LATER,
    "DeleteAdmChannel": _LATER,
    "GetBaiduChannel": _LATER,
    "UpdateBaiduChannel": _LATER,
    "DeleteBaiduChannel": _LATER,
}
