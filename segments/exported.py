"""Reads of export jobs for pages: what happened, in words."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects.models import Project
from segments import sources
from segments.models import ExportJob

_SENTENCES: dict[str, Any] = {
    "cancelled": gettext_lazy("The export was cancelled."),
    "too_large": gettext_lazy("A workbook holds %(limit)s rows; this export has %(total)s. Choose CSV or JSON lines."),
    "storage": gettext_lazy("The file could not be kept: %(reason)s. Tell whoever runs this server, then try again."),
    "refused": "%(reason)s",
    "AccessDenied": gettext_lazy("The bucket “%(bucket)s” denies access. The connection's key needs s3:PutObject."),
}


def jobs(*, project: Project) -> QuerySet[ExportJob]:
    """The project's exports, newest first, without their audiences."""
    found = ExportJob.objects.filter(project=project).defer("audience")
    return found.select_related("project", "segment", "connection", "created_by").order_by("-id")


def percent(job: ExportJob) -> int:
    """Whole percent of the endpoints written."""
    if job.is_finished and job.status == "COMPLETED":
        return 100
    return min(99, job.total_processed * 100 // job.total) if job.total else 0


def title(job: ExportJob) -> str:
    return job.name or _("All endpoints")


def failure_sentence(job: ExportJob) -> str:
    """Why the job failed, in the present language."""
    if not job.failure:
        return ""
    code, params = job.failure["code"], job.failure["params"]
    if code in _SENTENCES:
        return str(_SENTENCES[code] % params)
    return sources.sentence(code, params)
