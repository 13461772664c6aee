"""Import and export jobs (reference, sections 3 and 11)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q

from api.operations import paging
from api.operations.contract import Call, Document, Entry, not_found, reads, writes
from segments import exported, importing
from segments import queries as segment_queries
from segments.models import Connection, ExportJob, ImportJob, Segment
from segments.services import connections, exports, imports

TITLE = "Import and export jobs"
_FAILURES = 100  # sentences of a job; a page has them all


def create_import_job(call: Call) -> Document:
    """Import a file or a folder, by the project's S3 connection with this role, or else its first one, or one that assumes the role."""
    asked: dict[str, Any] = call.params["ImportJobRequest"]
    into = _segment(call, asked["SegmentId"]) if asked.get("SegmentId") else None
    order = imports.Order(
        format=asked["Format"], segment_name=asked.get("SegmentName", ""), register_endpoints=asked.get("RegisterEndpoints", True),
        define_segment=asked.get("DefineSegment", bool(into or asked.get("SegmentName"))), into_segment=into,
        into=ImportJob.Into.REPLACE if into else ImportJob.Into.NEW,
    )  # fmt: skip
    with transaction.atomic():
        job = imports.create_s3_import(
            project=call.project, actor=call.actor, s3_url=asked["S3Url"], connection=_connection(call, asked["RoleArn"]), order=order,
            role_arn=asked["RoleArn"], now=call.now,
        )  # fmt: skip
    return _import(call, job)


def get_import_job(call: Call) -> Document:
    job = importing.jobs(project=call.project).filter(public_id=call.params["JobId"]).first()
    if job is None:
        raise not_found("Import job")
    return _import(call, job)


def get_import_jobs(call: Call) -> Document:
    """Newest first, those of the pages too."""
    return import_jobs(call)


def create_export_job(call: Call) -> Document:
    """Write a segment's endpoints, or all, as gzip JSON lines below an S3 prefix."""
    asked: dict[str, Any] = call.params["ExportJobRequest"]
    segment = _segment(call, asked["SegmentId"]) if asked.get("SegmentId") else None
    version = asked.get("SegmentVersion")
    if segment is not None and version is not None and not segment.versions.filter(version=version).exists():
        raise not_found("Segment version")
    with transaction.atomic():
        job = exports.create_export(
            project=call.project, actor=call.actor, segment=segment, version=version if segment else None,
            destination=ExportJob.Destination.S3, format=ExportJob.Format.JSON, s3_url_prefix=asked["S3UrlPrefix"],
            connection=_connection(call, asked["RoleArn"]), role_arn=asked["RoleArn"], now=call.now,
        )  # fmt: skip
    return _export(call, job)


def get_export_job(call: Call) -> Document:
    job = exported.jobs(project=call.project).filter(public_id=call.params["JobId"]).first()
    if job is None:
        raise not_found("Export job")
    return _export(call, job)


def get_export_jobs(call: Call) -> Document:
    """Newest first, those of the pages too."""
    return export_jobs(call)


def import_jobs(call: Call, *, segment: Segment | None = None) -> Document:
    rows = importing.jobs(project=call.project).select_related("segment", "into_segment", "connection", "project")
    rows = rows.filter(Q(segment=segment) | Q(into_segment=segment)) if segment else rows
    size, before = paging.page_size(call.params), paging.after(call.params)
    rows = rows.filter(pk__lt=before) if before is not None else rows
    page, token = paging.cut(list(rows[: size + 1]), size, lambda job: job.pk)
    return {"Item": [_import(call, job) for job in page], "NextToken": token}


def export_jobs(call: Call, *, segment: Segment | None = None) -> Document:
    rows = exported.jobs(project=call.project)
    rows = rows.filter(segment=segment) if segment else rows
    size, before = paging.page_size(call.params), paging.after(call.params)
    rows = rows.filter(pk__lt=before) if before is not None else rows
    page, token = paging.cut(list(rows[: size + 1]), size, lambda job: job.pk)
    return {"Item": [_export(call, job) for job in page], "NextToken": token}


def _segment(call: Call, segment_id: str) -> Segment:
    try:
        return segment_queries.get_segment(project=call.project, segment_id=segment_id)
    except Segment.DoesNotExist:
        raise not_found("Segment") from None


def _connection(call: Call, role_arn: str) -> Connection:
    return connections.connection_for_role(
        project=call.project, actor=call.actor, role_arn=role_arn, region=call.account.region, now=call.now
    )


def _import(call: Call, job: ImportJob) -> Document:
    made = job.segment or job.into_segment
    refused = importing.refused_rows(job=job, limit=_FAILURES) if job.total_failures else []
    failures = [
        f"{row.file_name}, line {row.line_number}: {row.column + ': ' if row.column else ''}{row.reason}" for row in refused
    ]
    return {
        **_common(call, job), "Type": "IMPORT", "TotalPieces": job.total_pieces, "CompletedPieces": job.completed_pieces,
        "FailedPieces": job.failed_pieces, "TotalFailures": job.total_failures,
        "Failures": [*filter(None, [importing.failure_sentence(job)]), *failures][:_FAILURES],
        "Definition": {
            "Format": job.format, "S3Url": job.s3_url or job.upload_name, "RoleArn": job.role_arn or _role(job),
            "RegisterEndpoints": job.register_endpoints, "DefineSegment": job.define_segment, "SegmentName": job.segment_name,
            "SegmentId": made.public_id if made else None, "ExternalId": "",
        },
    }  # fmt: skip


def _export(call: Call, job: ExportJob) -> Document:
    return {
        **_common(call, job), "Type": "EXPORT", "TotalPieces": job.total_parts, "CompletedPieces": job.completed_parts,
        "FailedPieces": 0, "TotalFailures": 0, "Failures": [*filter(None, [exported.failure_sentence(job)])],
        "Definition": {
            "S3UrlPrefix": job.s3_url_prefix, "RoleArn": job.role_arn or _role(job),
            "SegmentId": job.segment.public_id if job.segment else None, "SegmentVersion": job.segment_version,
        },
    }  # fmt: skip


def _common(call: Call, job: ImportJob | ExportJob) -> dict[str, Any]:
    return {
        "ApplicationId": call.project.public_id, "Id": job.public_id, "JobStatus": job.status, "CreationDate": job.created_at,
        "CompletionDate": job.completed_at, "TotalProcessed": job.total_processed,
    }  # fmt: skip


def _role(job: ImportJob | ExportJob) -> str:
    return job.connection.role_arn if job.connection else ""


TABLE: dict[str, Entry] = {
    "CreateImportJob": writes(create_import_job),
    "GetImportJob": reads(get_import_job),
    "GetImportJobs": reads(get_import_jobs),
    "CreateExportJob": writes(create_export_job),
    "GetExportJob": reads(get_export_job),
    "GetExportJobs": reads(get_export_jobs),
}
