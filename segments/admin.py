"""Operators' pages of segments and imports."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core import clock
from core.operators import OperatorAdmin
from segments.models import (
    ColumnMapping,
    Connection,
    ExportJob,
    ExportPart,
    ImportBefore,
    ImportJob,
    ImportPiece,
    RefusedLine,
    ScheduledFile,
    ScheduledImport,
    Segment,
    SegmentVersion,
)
from segments.services import exports, imports


@admin.register(Segment)
class SegmentAdmin(OperatorAdmin):
    list_display = ("name", "project", "segment_type", "version", "is_listed", "updated_at", "deleted_at")
    list_filter = ("segment_type", "is_listed", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("project",)
    search_fields = ("name", "=public_id", "project__name")


@admin.register(SegmentVersion)
class SegmentVersionAdmin(OperatorAdmin):
    list_display = ("segment", "version", "created_by", "created_at")
    list_select_related = ("segment", "created_by")
    search_fields = ("segment__name", "=segment__public_id")
    readonly_fields = ("endpoints",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("members")

    @admin.display(description=_("endpoints"))
    def endpoints(self, version: SegmentVersion) -> int | None:
        return None if version.members is None else len(version.members)


@admin.register(Connection)
class ConnectionAdmin(OperatorAdmin):
    list_display = ("name", "project", "region", "endpoint_url", "access_key_id", "created_by", "created_at")
    list_select_related = ("project", "created_by")
    search_fields = ("name", "project__name", "=access_key_id")
    exclude = ("sealed_secret_access_key",)


@admin.register(ImportJob)
class ImportJobAdmin(OperatorAdmin):
    list_display = (
        "id", "project", "status", "source", "s3_url", "upload_name", "completed_pieces", "total_pieces", "total_processed",
        "total_failures", "lease_until", "created_at",
    )  # fmt: skip
    list_filter = ("status", "source", "format")
    list_select_related = ("project",)
    search_fields = ("=public_id", "s3_url", "upload_name", "project__name")
    date_hierarchy = "created_at"
    actions = ("cancel", "retry", "take_over")

    @admin.action(description=_("Cancel"))
    def cancel(self, request: HttpRequest, rows: QuerySet[ImportJob]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda job: imports.cancel_import(job=job, actor=actor, now=clock.now()))

    @admin.action(description=_("Try again (those that failed)"))
    def retry(self, request: HttpRequest, rows: QuerySet[ImportJob]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda job: imports.retry_import(job=job, actor=actor, now=clock.now()))

    @admin.action(description=_("Take over from a worker that hangs"))
    def take_over(self, request: HttpRequest, rows: QuerySet[ImportJob]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda job: imports.end_lease(job=job, actor=actor, now=clock.now()))


@admin.register(ImportPiece)
class ImportPieceAdmin(OperatorAdmin):
    list_display = ("job", "number", "file_name", "state", "processed", "failed", "bytes_read", "start_byte", "end_byte")
    list_filter = ("state",)
    list_select_related = ("job",)
    search_fields = ("=job__public_id", "file_name")
    readonly_fields = ("endpoints",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("members", "created", "changed")

    @admin.display(description=_("endpoints"))
    def endpoints(self, piece: ImportPiece) -> int | None:
        return None if piece.members is None else len(piece.members)


@admin.register(RefusedLine)
class RefusedLineAdmin(OperatorAdmin):
    list_display = ("job", "file_name", "line_number", "column", "code")
    list_filter = ("code",)
    list_select_related = ("job",)
    search_fields = ("=job__public_id",)
    search_help_text = _("Id of an import")


@admin.register(ExportJob)
class ExportJobAdmin(OperatorAdmin):
    list_display = (
        "id", "project", "status", "name", "destination", "format", "completed_parts", "total_parts", "total_processed",
        "lease_until", "created_at", "removed_at",
    )  # fmt: skip
    list_filter = ("status", "destination", "format")
    list_select_related = ("project",)
    search_fields = ("=public_id", "name", "s3_url_prefix", "project__name")
    date_hierarchy = "created_at"
    exclude = ("audience",)
    actions = ("cancel", "retry", "take_over")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("audience")

    @admin.action(description=_("Cancel"))
    def cancel(self, request: HttpRequest, rows: QuerySet[ExportJob]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda job: exports.cancel_export(job=job, actor=actor, now=clock.now()))

    @admin.action(description=_("Try again (those that failed)"))
    def retry(self, request: HttpRequest, rows: QuerySet[ExportJob]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda job: exports.retry_export(job=job, actor=actor, now=clock.now()))

    @admin.action(description=_("Take over from a worker that hangs"))
    def take_over(self, request: HttpRequest, rows: QuerySet[ExportJob]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda job: exports.end_lease(job=job, actor=actor, now=clock.now()))


@admin.register(ExportPart)
class ExportPartAdmin(OperatorAdmin):
    list_display = ("job", "number", "is_done", "processed", "bytes", "key")
    list_filter = ("is_done",)
    list_select_related = ("job",)
    search_fields = ("=job__public_id", "key")


@admin.register(ImportBefore)
class ImportBeforeAdmin(OperatorAdmin):
    list_display = ("piece", "kind", "row_id")
    list_filter = ("kind",)
    list_select_related = ("piece",)
    search_fields = ("=row_id",)


@admin.register(ColumnMapping)
class ColumnMappingAdmin(OperatorAdmin):
    list_display = ("project", "header_key", "updated_at")
    list_select_related = ("project",)
    search_fields = ("project__name",)


@admin.register(ScheduledImport)
class ScheduledImportAdmin(OperatorAdmin):
    list_display = ("name", "project", "s3_url", "every", "unit", "is_paused", "next_run_at", "last_run_at", "deleted_at")
    list_filter = ("is_paused", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("project",)
    search_fields = ("name", "=public_id", "s3_url", "project__name")


@admin.register(ScheduledFile)
class ScheduledFileAdmin(OperatorAdmin):
    list_display = ("schedule", "key", "etag", "imported_at")
    list_select_related = ("schedule",)
    search_fields = ("key", "=schedule__public_id")
