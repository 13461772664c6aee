"""What the audit trail says of segments, imports, exports and connections, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from projects.models import Project
from projects.ports import Thing
from segments.models import Connection, ExportJob, ImportJob, ScheduledImport, Segment

SENTENCES = {
    "segment.created": _("%(who)s created the segment %(what)s."),
    "segment.changed": _("%(who)s changed the segment %(what)s: it is version %(version)s now."),
    "segment.imported": _("%(who)s imported the segment %(what)s with %(size)s members."),
    "segment.restored": _("%(who)s restored version %(restored)s of the segment %(what)s as version %(version)s."),
    "segment.tagged": _("%(who)s changed the tags of the segment %(what)s."),
    "segment.deleted": _("%(who)s deleted the segment %(what)s."),
    "import.created": _("%(who)s started the import %(what)s."),
    "import.columns_chosen": _("%(who)s chose the columns of the import %(what)s."),
    "import.cancelled": _("%(who)s cancelled the import %(what)s."),
    "import.undone": _("%(who)s undid the import %(what)s."),
    "import.lease_ended": _("%(who)s took the import %(what)s from the worker that held it."),
    "export.created": _("%(who)s started the export %(what)s."),
    "export.cancelled": _("%(who)s cancelled the export %(what)s."),
    "export.lease_ended": _("%(who)s took the export %(what)s from the worker that held it."),
    "export.downloaded": _("%(who)s downloaded the file of the export %(what)s."),
    "connection.created": _("%(who)s made the S3 connection %(what)s."),
    "connection.deleted": _("%(who)s deleted the S3 connection %(what)s."),
    "scheduled_import.created": _("%(who)s scheduled the import %(what)s."),
    "scheduled_import.paused": _("%(who)s paused the scheduled import %(what)s."),
    "scheduled_import.resumed": _("%(who)s resumed the scheduled import %(what)s."),
    "scheduled_import.deleted": _("%(who)s deleted the scheduled import %(what)s."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    key = project.public_id
    match label:
        case "segments.segment":
            segments = Segment.objects.filter(project=project, public_id__in=ids).only("public_id", "name", "deleted_at")
            return {
                one.public_id: Thing(
                    one.name, "" if one.deleted_at else reverse("segments:show-segment", args=[key, one.public_id])
                )
                for one in segments
            }
        case "segments.importjob":
            jobs = ImportJob.objects.filter(project=project, public_id__in=ids).values_list(
                "public_id", "segment_name", "upload_name"
            )
            return {
                found: Thing(name or upload or found, reverse("segments:show-import", args=[key, found]))
                for found, name, upload in jobs
            }
        case "segments.exportjob":
            exports = ExportJob.objects.filter(project=project, public_id__in=ids).values_list("public_id", "name")
            return {found: Thing(name or found, reverse("segments:show-export", args=[key, found])) for found, name in exports}
        case "segments.connection":
            page = reverse("segments:list-connections", args=[key])
            connections = Connection.objects.filter(project=project, pk__in=ids).values_list("pk", "name")
            return {str(found): Thing(name, page) for found, name in connections}
        case "segments.scheduledimport":
            page = reverse("segments:list-imports", args=[key])
            schedules = ScheduledImport.objects.filter(project=project, public_id__in=ids).only("public_id", "name", "deleted_at")
            return {one.public_id: Thing(one.name, "" if one.deleted_at else page) for one in schedules}
    return {}
