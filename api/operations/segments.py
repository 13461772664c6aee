"""Segments and their versions (reference, section 4)."""

from __future__ import annotations

import functools
import json

from api.operations import jobs, paging
from api.operations.contract import Call, Document, Entry, not_found, reads, writes
from api.protocol import serialising
from segments import pinpoint, queries, uses
from segments.evaluation import DefinitionRefused
from segments.models import Segment, SegmentType, SegmentVersion
from segments.queries import SegmentLine
from segments.services import requests, segments

TITLE = "Segments"


def create_segment(call: Call) -> Document:
    """Make a dynamic segment."""
    made = requests.create_from_request(
        project=call.project, actor=call.actor, request=call.params["WriteSegmentRequest"], now=call.now
    )
    return _newest(call, made)


def get_segment(call: Call) -> Document:
    """Its newest version. What Pinpoint's model can't say of it is left out, and the tag `pabal:extended` says so."""
    return _newest(call, found_segment(call))


def get_segments(call: Call) -> Document:
    """Those that the pages list, in the order in which they were made."""
    size, after = paging.page_size(call.params), paging.after(call.params)
    lines = queries.segment_lines(project=call.project, after=after, limit=size + 1)
    page, token = paging.cut(lines, size, lambda one: one.pk)
    return {"Item": [_document(call, one) for one in page], "NextToken": token}


def update_segment(call: Call) -> Document:
    """Its next version. A request that defines nothing changes the name alone."""
    segment = found_segment(call)
    request = dict(call.params["WriteSegmentRequest"])
    if not ("Dimensions" in request or "SegmentGroups" in request) and segment.segment_type == SegmentType.DIMENSIONAL:
        request |= queries.pinpoint_definition(segment=segment).members
    return _newest(call, requests.update_from_request(segment=segment, actor=call.actor, request=request, now=call.now))


def delete_segment(call: Call) -> Document:
    """Campaigns that go to it are deleted with it, as in Pinpoint; one that other segments are built on stays."""
    segment = found_segment(call)
    document = _newest(call, segment)
    ending = {user.key for user in uses.segment_uses(segment=segment).ending}
    segments.delete_segment(segment=segment, actor=call.actor, now=call.now, ending=ending)
    return document


def get_segment_version(call: Call) -> Document:
    segment = found_segment(call)
    version = paging.version_number(call.params["Version"])
    try:
        return _document(call, queries.segment_line(segment=segment, version=version))
    except SegmentVersion.DoesNotExist:
        raise not_found("Segment version") from None


def get_segment_versions(call: Call) -> Document:
    """Newest first."""
    segment = found_segment(call)
    size, before = paging.page_size(call.params), paging.after(call.params)
    lines = queries.version_lines(segment=segment, before=before, limit=size + 1)
    page, token = paging.cut(lines, size, lambda one: one.version)
    return {"Item": [_document(call, one) for one in page], "NextToken": token}


def get_segment_import_jobs(call: Call) -> Document:
    """The jobs that made it or change it, newest first."""
    return jobs.import_jobs(call, segment=found_segment(call))


def get_segment_export_jobs(call: Call) -> Document:
    """Newest first."""
    return jobs.export_jobs(call, segment=found_segment(call))


def found_segment(call: Call) -> Segment:
    """Raises ``NotFound``."""
    try:
        return queries.get_segment(project=call.project, segment_id=call.params["SegmentId"])
    except Segment.DoesNotExist:
        raise not_found("Segment") from None


def _newest(call: Call, segment: Segment) -> Document:
    return _document(call, queries.segment_line(segment=segment))


def _document(call: Call, line: SegmentLine) -> Document:
    return {
        "ApplicationId": call.project.public_id, "Arn": call.arn("segments", line.public_id), "Id": line.public_id,
        "Name": line.name, "SegmentType": line.segment_type, "Version": line.version, "CreationDate": line.created_at,
        "LastModifiedDate": line.written_at, **_said(line),
    }  # fmt: skip


def _said(line: SegmentLine) -> Document:
    if line.segment_type == SegmentType.IMPORT:
        empty = {"Format": "CSV", "S3Url": "", "RoleArn": "", "ExternalId": "", "Size": 0, "ChannelCounts": {}}
        return {"ImportDefinition": empty | (line.import_definition or {}), "tags": json.loads(line.document).get("tags", {})}
    try:
        return _definition(line.document)
    except DefinitionRefused:  # an old one that can't be read any more: its name and number still tell something
        return {"tags": {pinpoint.EXTENDED_TAG: "true"}}


@functools.lru_cache(maxsize=4_096)
def _definition(text: str) -> Document:
    """What a stored document says, as it goes into answers. It is kept, for lists are read again and again."""
    found = pinpoint.pinpoint_definition(json.loads(text))
    return serialising.written("SegmentResponse", {**found.members, "tags": found.tags})


TABLE: dict[str, Entry] = {
    "CreateSegment": writes(create_segment),
    "GetSegment": reads(get_segment),
    "GetSegments": reads(get_segments),
    "UpdateSegment": writes(update_segment),
    "DeleteSegment": writes(delete_segment),
    "GetSegmentVersion": reads(get_segment_version),
    "GetSegmentVersions": reads(get_segment_versions),
    "GetSegmentImportJobs": reads(get_segment_import_jobs),
    "GetSegmentExportJobs": reads(get_segment_export_jobs),
}
