"""Message templates and their versions (reference, section 5.1).

A key of the account reaches all templates, and makes those of the installation; a key of a project reaches the project's own, and sees
the installation's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from api.operations import paging
from api.operations.contract import Call, Document, Entry, Function, not_found, reads, writes
from api.protocol.errors import BadRequest, Forbidden
from messaging.models import MessageTemplate, MessageTemplateVersion, TemplateType
from messaging.services import templates

TITLE = "Message templates"
# The word in an operation's name → the type, and the member of its request.
KINDS = {
    "Email": (TemplateType.EMAIL, "EmailTemplateRequest"), "Sms": (TemplateType.SMS, "SMSTemplateRequest"),
    "Push": (TemplateType.PUSH, "PushNotificationTemplateRequest"), "Voice": (TemplateType.VOICE, "VoiceTemplateRequest"),
    "InApp": (TemplateType.INAPP, "InAppTemplateRequest"),
}  # fmt: skip
_IN_PATHS = {kind.lower(): kind for kind, _member in KINDS.values()} | {"inapp": TemplateType.INAPP}


def list_templates(call: Call) -> Document:
    """In the order of their names. `prefix` and `template-type` narrow the list."""
    rows = _visible(call)
    if call.params.get("TemplateType"):
        rows = rows.filter(template_type=_kind_in_path(call.params["TemplateType"]))
    if call.params.get("Prefix"):
        rows = rows.filter(name__startswith=call.params["Prefix"])
    size, after = paging.page_size(call.params), paging.place(call.params, name="NextToken")
    if after is not None:
        name, _slash, kind = after.partition("/")
        rows = rows.filter(Q(name__gt=name) | Q(name=name, template_type__gt=kind))
    found = list(rows.order_by("name", "template_type")[: size + 1])
    page, token = paging.cut(found, size, lambda one: f"{one.name}/{one.template_type}")
    versions = {one.template_id: one for one in MessageTemplateVersion.objects.filter(template__in=page) if _is_active(page, one)}
    return {"Item": [_listed(call, one, versions[one.pk]) for one in page], "NextToken": token}


def list_template_versions(call: Call) -> Document:
    """Newest first."""
    template = _found(call, _kind_in_path(call.params["TemplateType"]))
    size, before = paging.page_size(call.params), paging.after(call.params, name="NextToken")
    rows = template.versions.order_by("-version")
    rows = rows.filter(version__lt=before) if before is not None else rows
    page, token = paging.cut(list(rows[: size + 1]), size, lambda one: one.version)
    return {"Item": [_described(template, one) for one in page], "NextToken": token, "RequestID": call.request_id}


def update_template_active_version(call: Call) -> Document:
    """Make a version, or "latest", the one that is sent."""
    template = _changeable(call, _found(call, _kind_in_path(call.params["TemplateType"])))
    version = call.params["TemplateActiveVersionRequest"].get("Version")
    if not version:
        raise BadRequest('Version: it is missing; it is a number, or "latest".')
    templates.activate_version(template=template, actor=call.actor, version=version, now=call.now)
    return call.accepted


def _create(kind: TemplateType, member: str) -> Function:
    def create(call: Call) -> Document:
        """Make a template; its version 1 is active."""
        request: dict[str, Any] = call.params[member]
        made = templates.create_template(
            project=call.key.project, actor=call.actor, template_type=kind, name=call.params["TemplateName"],
            document=_stored(request), tags=request.get("tags"), now=call.now,
        )  # fmt: skip
        return {"Arn": _arn(call, made), **call.accepted, "Message": "Created"}

    return create


def _get(kind: TemplateType, _member: str) -> Function:
    def get(call: Call) -> Document:
        """The active version, or the one that is asked for."""
        template = _found(call, kind)
        version = _version(template, call.params.get("Version") or str(template.active_version))
        return {**_described(template, version), "Arn": _arn(call, template), "tags": template.tags, **_document(version)}

    return get


def _update(kind: TemplateType, member: str) -> Function:
    def update(call: Call) -> Document:
        """Save over the latest version, or with `create-new-version` a new one, which is not active yet."""
        template = _changeable(call, _found(call, kind))
        version = call.params.get("Version")
        templates.update_template(
            template=template, actor=call.actor, document=_stored(call.params[member]), now=call.now,
            create_new_version=call.params.get("CreateNewVersion", False), version=paging.version_number(version) if version else None,
        )  # fmt: skip
        return call.accepted

    return update


def _delete(kind: TemplateType, _member: str) -> Function:
    def delete(call: Call) -> Document:
        """Delete a template with all its versions, or one `version` that is not active; what a campaign uses stays."""
        template = _changeable(call, _found(call, kind))
        version = call.params.get("Version")
        if version:
            held = _version(template, version)
            templates.delete_version(template=template, actor=call.actor, version=held.version, now=call.now)
        else:
            templates.delete_template(template=template, actor=call.actor, now=call.now)
        return call.accepted

    return delete


def _stored(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "tags"}


def _visible(call: Call) -> QuerySet[MessageTemplate]:
    rows = MessageTemplate.objects.filter(Q(project=None) | Q(project__deleted_at=None))
    return rows if call.key.project is None else rows.filter(Q(project=call.key.project) | Q(project=None))


def _found(call: Call, kind: str) -> MessageTemplate:
    found = _visible(call).select_related("project").filter(template_type=kind, name=call.params["TemplateName"]).first()
    if found is None:
        raise not_found("Template")
    return found


def _changeable(call: Call, template: MessageTemplate) -> MessageTemplate:
    if call.key.project is not None and template.project is None:
        raise Forbidden("This template is every project's: an access key of one project can't change it.")
    return template


def _version(template: MessageTemplate, version: str) -> MessageTemplateVersion:
    try:
        return templates.version_of(template, version)
    except templates.NoSuchVersion:
        raise not_found("Template version") from None


def _kind_in_path(text: str) -> str:
    found = _IN_PATHS.get(text.lower())
    if found is None:
        raise BadRequest(f"template-type: it must be one of {', '.join(_IN_PATHS)}.")
    return found


def _is_active(page: Any, version: MessageTemplateVersion) -> bool:
    return any(one.pk == version.template_id and one.active_version == version.version for one in page)


def _arn(call: Call, template: MessageTemplate) -> str:
    return call.account.arn(f"templates/{template.name}/{template.template_type}")


def _described(template: MessageTemplate, version: MessageTemplateVersion) -> dict[str, Any]:
    return {
        "TemplateName": template.name, "TemplateType": template.template_type, "Version": str(version.version),
        "CreationDate": version.created_at, "LastModifiedDate": version.updated_at,
        "TemplateDescription": version.document.get("TemplateDescription"),
        "DefaultSubstitutions": version.document.get("DefaultSubstitutions"),
    }  # fmt: skip


def _listed(call: Call, template: MessageTemplate, version: MessageTemplateVersion) -> Document:
    return {**_described(template, version), "Arn": _arn(call, template), "tags": template.tags}


def _document(version: MessageTemplateVersion) -> dict[str, Any]:
    return {name: value for name, value in version.document.items() if name != "Pabal"}


TABLE: dict[str, Entry] = {
    **{f"Create{word}Template": writes(_create(*kind)) for word, kind in KINDS.items()},
    **{f"Get{word}Template": reads(_get(*kind)) for word, kind in KINDS.items()},
    **{f"Update{word}Template": writes(_update(*kind)) for word, kind in KINDS.items()},
    **{f"Delete{word}Template": writes(_delete(*kind)) for word, kind in KINDS.items()},
    "ListTemplates": reads(list_templates),
    "ListTemplateVersions": reads(list_template_versions),
    "UpdateTemplateActiveVersion": writes(update_template_active_version),
}
