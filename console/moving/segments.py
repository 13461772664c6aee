"""Segments: imported ones with the members that their exports name, dynamic ones after those that they are built on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.moving.endpoints import Members
from console.moving.fields import FAULTS, Unfit, as_request, instant, public_id
from console.moving.inventory import Saved
from console.moving.kinds import Document
from console.moving.move import Move
from console.moving.report import Fate
from core.errors import Refusal
from endpoints.eligibility import channel_counts
from projects.models import Project
from segments.evaluation.refusals import SourceRefused
from segments.models import Segment, SegmentType
from segments.services import moving, requests
from segments.services.moving import MovedVersion


def take_segments(move: Move, members: Mapping[str, Members]) -> None:
    """In rounds, until a round takes none: then the base segments of those that are left are not to be had."""
    waiting = dict(move.found.segments)
    while waiting:
        refused: dict[str, SourceRefused] = {}
        for segment_id, versions in waiting.items():
            try:
                _report(move, segment_id, versions, *_segment(move, segment_id, versions, members))
            except SourceRefused as lacking:
                refused[segment_id] = lacking
            except FAULTS as fault:
                _report(move, segment_id, versions, Fate.FAULT, str(fault))
        if len(refused) == len(waiting):
            for segment_id, refusal in refused.items():
                why = f"{refusal} {_bases(move, waiting[segment_id])}".strip()
                _report(move, segment_id, waiting[segment_id], Fate.FAULT, why)
            return
        waiting = {segment_id: waiting[segment_id] for segment_id in refused}


def _report(move: Move, segment_id: str, versions: Mapping[int, Saved], fate: Fate, why: str = "") -> None:
    newest = versions[max(versions)]
    name, app_id = str(newest.document.get("Name") or ""), str(newest.document.get("ApplicationId") or "")
    move.report.add(fate, "segment", segment_id, name=name, project=app_id, where=newest.where, why=why)


def _bases(move: Move, versions: Mapping[int, Saved]) -> str:
    """Which base segments are not here, of which the project's own refusal doesn't tell."""
    groups = (versions[max(versions)].document.get("SegmentGroups") or {}).get("Groups") or []
    named = {str(source.get("Id")) for group in groups for source in group.get("SourceSegments") or []}
    app_id = str(versions[max(versions)].document.get("ApplicationId"))
    here = Segment.objects.filter(project__public_id=app_id, public_id__in=named, deleted_at=None)
    missing = sorted(named - set(here.values_list("public_id", flat=True)))
    return f"Not here: {', '.join(one[:32] for one in missing[:5])}." if missing else ""


def _segment(
    move: Move, segment_id: str, versions: Mapping[int, Saved], members: Mapping[str, Members]
) -> tuple[Fate, str]:  # fmt: skip
    newest = versions[max(versions)].document
    project = move.project(public_id(newest, "ApplicationId"))
    there = Segment.objects.filter(public_id=segment_id).first()
    if there is not None:
        if there.project_id != project.pk:
            raise Unfit("another project has a segment with this id.")
        return Fate.THERE, ""
    if newest.get("SegmentType") == SegmentType.IMPORT:
        return Fate.TAKEN, _imported(move, project, segment_id, versions, members.get(segment_id))
    return Fate.TAKEN, _dynamic(move, project, segment_id, versions)


def _imported(
    move: Move, project: Project, segment_id: str, versions: Mapping[int, Saved], members: Members | None
) -> str:  # fmt: skip
    number = max(versions)
    document = versions[number].document
    definition = document.get("ImportDefinition")
    definition = definition if isinstance(definition, dict) else {}
    size = definition.get("Size")
    if segment_id in move.damaged:
        raise Unfit(f"its export {move.damaged[segment_id]} can't be used. Download it again.")
    if members is None and size != 0:
        raise Unfit(
            "its members are in no export of the folder. Export it (aws pinpoint create-export-job with its SegmentId) and put the "
            f"files into a folder called {segment_id}."
        )
    members = members or Members()
    request = as_request("WriteSegmentRequest", {"Name": document.get("Name"), "tags": document.get("tags")})
    now = move.clock()
    made_at = instant(document, "CreationDate") or now
    changed_at = instant(document, "LastModifiedDate") or made_at
    tags = {"tags": request["tags"]} if request.get("tags") else {}
    moving.take_imported(
        project=project, actor=move.actor, public_id=segment_id, name=request.get("Name", ""),
        version=MovedVersion(version=number, document=tags, created_at=changed_at), members=members.audience,
        import_definition=_import_definition(project, definition, members), created_at=made_at, now=now,
    )  # fmt: skip
    if isinstance(size, int) and size != members.lines:
        return f"it had {size:,} members in Pinpoint, and its export names {members.lines:,}."
    if len(members.audience) < members.lines and not move.is_dry_run:
        return f"its export names {members.lines:,} endpoints, of which {len(members.audience):,} are here."
    return ""


def _import_definition(project: Project, given: Mapping[str, Any], members: Members) -> Document:
    texts = {name: str(given.get(name) or "")[:2048] for name in ("Format", "S3Url", "RoleArn", "ExternalId")}
    counts = channel_counts(project_id=project.pk, members=members.audience)
    return {**texts, "Format": texts["Format"] if texts["Format"] in ("CSV", "JSON") else "CSV", "ChannelCounts": counts}


def _dynamic(move: Move, project: Project, segment_id: str, versions: Mapping[int, Saved]) -> str:
    number = max(versions)
    now = move.clock()
    made_at = instant(versions[number].document, "CreationDate") or now
    older, lost = _older(versions, made_at)
    newest = _version(number, versions[number].document, made_at)
    name = as_request("WriteSegmentRequest", versions[number].document).get("Name", "")
    if not name:
        raise Unfit("Name: it is missing.")
    moving.take_dynamic(
        project=project, actor=move.actor, public_id=segment_id, name=name, versions=[*older, newest], created_at=made_at, now=now
    )  # fmt: skip
    return f"without the older versions {', '.join(map(str, lost))}, which can't be read here." if lost else ""


def _older(versions: Mapping[int, Saved], made_at: Any) -> tuple[list[MovedVersion], list[int]]:
    """The versions before the newest one that can be read, and the numbers of the others."""
    found, lost = [], []
    for number in sorted(versions)[:-1]:
        try:
            version = _version(number, versions[number].document, made_at)
            requests.stored_document(version.document)
        except (Unfit, Refusal):
            lost.append(number)
        else:
            found.append(version)
    return found, lost


def _version(number: int, document: Document, made_at: Any) -> MovedVersion:
    request = as_request("WriteSegmentRequest", _one_form(document))
    return MovedVersion(version=number, document=request, created_at=instant(document, "LastModifiedDate") or made_at)


def _one_form(document: Document) -> Document:
    """Pinpoint answers with both forms of a definition, of which one is empty or repeats the other; a request may have but one."""
    groups = document.get("SegmentGroups")
    some = groups.get("Groups") if isinstance(groups, dict) else None
    dimensions = document.get("Dimensions")
    if not some:
        without = "SegmentGroups"
    elif _is_empty(dimensions) or _only_repeats(dimensions, some):
        without = "Dimensions"
    else:
        return document
    return {name: value for name, value in document.items() if name != without}


def _only_repeats(dimensions: Any, groups: Any) -> bool:
    one = groups[0] if isinstance(groups, list) and len(groups) == 1 else None
    return isinstance(one, dict) and one.get("Dimensions") == [dimensions] and not one.get("SourceSegments")


def _is_empty(value: Any) -> bool:
    return all(_is_empty(one) for one in value.values()) if isinstance(value, dict) else value in (None, [], "")
