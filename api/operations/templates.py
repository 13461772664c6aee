"""Message templates and their versions (reference, section 5.1)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Message templates"
_LATER = Unserved("message templates are not served by the API yet; they have pages.")

TABLE: dict[str, Entry] = {
    "CreateEmailTemplate": _LATER,
    "GetEmailTemplate": _LATER,
    "UpdateEmailTemplate": _LATER,
    "DeleteEmailTemplate": _LATER,
    "CreateSmsTemplate": _LATER,
    "GetSmsTemplate": _LATER,
    "UpdateSmsTemplate": _LATER,
    "DeleteSmsTemplate": _LATER,
    "CreatePushTemplate": _LATER,
    "GetPushTemplate": _LATER,
    "UpdatePushTemplate": _LATER,
    "DeletePushTemplate": _LATER,
    "CreateVoiceTemplate": _LATER,
    "GetVoiceTemplate": _LATER,
    "UpdateVoiceTemplate": _LATER,
    "DeleteVoiceTemplate": _LATER,
    "CreateInAppTemplate": _LATER,
    "GetInAppTemplate": _LATER,
    "UpdateInAppTemplate": _LATER,
    "DeleteInAppTemplate": _LATER,
    "ListTemplates": _LATER,
    "ListTemplateVersions": _LATER,
    "UpdateTemplateActiveVersion": _LATER,
}
