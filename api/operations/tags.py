"""Tags of projects, campaigns, segments and message templates (reference, section 11)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db.models import Q

from api.operations.contract import Call, Document, Entry, not_found, reads, writes
from api.protocol.errors import BadRequest, Forbidden
from campaigns import queries as campaign_queries
from campaigns.models import Campaign
from campaigns.services import drafts
from messaging.models import MessageTemplate
from messaging.services import templates
from projects.models import Project
from projects.services import projects
from segments import queries as segment_queries
from segments.models import Segment
from segments.services import segments

TITLE = "Tags"
Tagged = Project | Segment | Campaign | MessageTemplate


def list_tags_for_resource(call: Call) -> Document:
    return {"tags": _tags(_resource(call))}


def tag_resource(call: Call) -> None:
    """Add tags, or give those that are there another value."""
    _change(call, add=call.params["TagsModel"]["tags"], remove=())


def untag_resource(call: Call) -> None:
    _change(call, add={}, remove=call.params["TagKeys"])


def _change(call: Call, *, add: Mapping[str, str], remove: Collection[str]) -> None:
    found = _resource(call)
    if isinstance(found, Project):
        projects.change_tags(project=found, actor=call.actor, add=add, remove=remove, now=call.now)
    elif isinstance(found, Segment):
        segments.change_tags(segment=found, actor=call.actor, add=add, remove=remove, now=call.now)
    elif isinstance(found, Campaign):
        drafts.change_tags(campaign=found, actor=call.actor, add=add, remove=remove, now=call.now)
    else:
        if call.key.project is not None and found.project is None:
            raise Forbidden("This template is every project's: an access key of one project can't change it.")
        templates.change_tags(template=found, actor=call.actor, add=add, remove=remove, now=call.now)


def _tags(found: Tagged) -> dict[str, str]:
    if isinstance(found, Project | MessageTemplate):
        return dict(found.tags)
    if isinstance(found, Segment):
        return dict(segment_queries.segment_version(segment=found).document.get("tags", {}))
    return dict(found.document.get("tags", {}))


def _resource(call: Call) -> Tagged:
    """What the ARN names, if the key may use it. Raises ``BadRequest``, ``Forbidden`` and ``NotFound``."""
    resource = call.account.resource(call.params["ResourceArn"])
    parts = resource.split("/") if resource else []
    match parts:
        case ["apps", app, *rest] if app:
            project = _project(call, app)
            return _within(project, rest)
        case ["templates", name, kind]:
            return _template(call, name, kind)
    raise BadRequest("resource-arn: it is no ARN of an application, a campaign, a segment or a template of this installation.")


def _project(call: Call, public_id: str) -> Project:
    if call.key.project is not None and call.key.project.public_id != public_id:
        raise Forbidden("This access key is of another project.")
    found = Project.objects.filter(public_id=public_id, deleted_at=None).first()
    if found is None:
        raise not_found()
    return found


def _within(project: Project, rest: list[str]) -> Tagged:
    match rest:
        case []:
            return project
        case ["segments", segment_id]:
            try:
                return segment_queries.get_segment(project=project, segment_id=segment_id)
            except Segment.DoesNotExist:
                raise not_found() from None
        case ["campaigns", campaign_id]:
            try:
                return campaign_queries.get_campaign(project=project, campaign_id=campaign_id)
            except Campaign.DoesNotExist:
                raise not_found() from None
    raise not_found()


def _template(call: Call, name: str, kind: str) -> MessageTemplate:
    rows = MessageTemplate.objects.filter(name=name, template_type=kind)
    if call.key.project is not None:
        rows = rows.filter(Q(project=call.key.project) | Q(project=None))
    found = rows.first()
    if found is None:
        raise not_found()
    return found


TABLE: dict[str, Entry] = {
    "TagResource": writes(tag_resource),
    "UntagResource": writes(untag_resource),
    "ListTagsForResource": reads(list_tags_for_resource),
}
