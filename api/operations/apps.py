"""Projects, which the API calls applications, and their settings (reference, sections 1.2 and 6.3)."""

from __future__ import annotations

from django.conf import settings

from api.operations import paging
from api.operations.contract import Call, Document, Entry, administers, reads, writes
from api.protocol.errors import Forbidden
from campaigns.limits.document import settings_document
from campaigns.services import project_settings
from projects.models import Project, SendingSettings
from projects.services import projects

TITLE = "Projects and settings"


def create_app(call: Call) -> Document:
    """Make a project; it is in practice mode, and belongs to whoever made the access key."""
    if call.key.project is not None:
        raise Forbidden("An access key of a project makes no other project: use one of the account.")
    request = call.params["CreateApplicationRequest"]
    made = projects.create_project(
        actor=call.actor, name=request["Name"], description="", time_zone=settings.DEFAULT_PROJECT_TIME_ZONE,
        tags=request.get("tags", {}), now=call.now,
    )  # fmt: skip
    return _document(call, made)


def get_app(call: Call) -> Document:
    return _document(call, call.project)


def get_apps(call: Call) -> Document:
    """All projects; with a project's key, that one."""
    rows = Project.objects.filter(deleted_at=None)
    if call.key.project is not None:
        rows = rows.filter(pk=call.key.project.pk)
    size, after = paging.page_size(call.params), paging.after(call.params)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    page, token = paging.cut(list(rows.order_by("pk")[: size + 1]), size, lambda project: project.pk)
    return {"Item": [_document(call, project) for project in page], "NextToken": token}


def delete_app(call: Call) -> Document:
    """The project disappears for everybody, and sends nothing more."""
    document = _document(call, call.project)
    projects.delete_project(project=call.project, actor=call.actor, name=call.project.name, now=call.now)
    return document


def get_application_settings(call: Call) -> Document:
    return _settings(call)


def update_application_settings(call: Call) -> Document:
    """Replace the members that are given; they hold for campaigns made from now on. A 0 is no limit."""
    project_settings.update_settings(
        project=call.project, actor=call.actor, given=call.params["WriteApplicationSettingsRequest"], now=call.now
    )
    return _settings(call)


def _document(call: Call, project: Project) -> Document:
    return {
        "Arn": call.account.arn(f"apps/{project.public_id}"), "Id": project.public_id, "Name": project.name,
        "tags": project.tags, "CreationDate": project.created_at,
    }  # fmt: skip


def _settings(call: Call) -> Document:
    saved_at = SendingSettings.objects.filter(project=call.project).values_list("updated_at", flat=True).first()
    return {
        **settings_document(call.project),
        "ApplicationId": call.project.public_id,
        "LastModifiedDate": saved_at or call.project.created_at,
    }


TABLE: dict[str, Entry] = {
    "CreateApp": writes(create_app),
    "GetApp": reads(get_app),
    "GetApps": reads(get_apps),
    "DeleteApp": administers(delete_app),
    "GetApplicationSettings": reads(get_application_settings),
    "UpdateApplicationSettings": administers(update_application_settings),
}
