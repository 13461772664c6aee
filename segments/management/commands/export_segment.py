"""``manage.py export_segment PROJECT_ID DESTINATION``: the export of the console, carried out here and now.

DESTINATION is s3://bucket/folder/ (gzip JSON lines, as Pinpoint wrote them), or a file of this machine that ends in .jsonl, .csv or .xlsx.
"""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError

from core import clock
from core.errors import Refusal
from projects.models import Project
from segments import exported
from segments.models import Connection, ExportJob, JobStatus, Segment
from segments.services import exporting, exports

_FORMATS = {".jsonl": "JSON", ".json": "JSON", ".csv": "CSV", ".xlsx": "XLSX"}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project_id")
        parser.add_argument("destination")
        parser.add_argument("--segment", default="", help="its id; every endpoint of the project when absent")
        parser.add_argument("--segment-version", type=int, help="of the segment; the newest when absent")
        parser.add_argument("--connection", help="name of an S3 connection of the project")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(public_id=options["project_id"], deleted_at=None).first()
        if project is None:
            raise CommandError(f"There is no project {options['project_id']}.")
        try:
            job = self._create(project, options)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        exporting.run_job(job_id=job.pk, clock=clock.now)
        job.refresh_from_db()
        if job.status != JobStatus.COMPLETED:
            raise CommandError(exported.failure_sentence(job) or f"The export is in state {job.status}.")
        if job.destination == ExportJob.Destination.DOWNLOAD:
            with default_storage.open(job.file_key, "rb") as stored, Path(options["destination"]).open("wb") as out:
                shutil.copyfileobj(stored, out)
        self.stdout.write(f"exported {job.total_processed} endpoints to {options['destination']}")

    @staticmethod
    def _create(project: Project, options: dict[str, Any]) -> ExportJob:
        segment = None
        if options["segment"]:
            segment = Segment.objects.filter(project=project, public_id=options["segment"], deleted_at=None).first()
            if segment is None:
                raise CommandError(f"The project has no segment {options['segment']}.")
        given: dict[str, Any] = {
            "project": project, "actor": None, "segment": segment, "version": options["segment_version"], "now": clock.now(),
        }  # fmt: skip
        if options["destination"].startswith("s3://"):
            connection = None
            if options["connection"]:
                connection = Connection.objects.filter(project=project, name=options["connection"]).first()
                if connection is None:
                    raise CommandError(f"The project has no connection “{options['connection']}”.")
            return exports.create_export(
                destination="S3", format="JSON", s3_url_prefix=options["destination"], connection=connection, **given
            )
        format = _FORMATS.get(Path(options["destination"]).suffix.lower())
        if format is None:
            raise CommandError("The file must end in .jsonl, .csv or .xlsx, which says its format.")
        return exports.create_export(destination="DOWNLOAD", format=format, **given)
