"""``manage.py import_segment PROJECT_ID SOURCE``: the import of the console, carried out here and now.

SOURCE is s3://bucket/key (or a prefix), or a file of this machine.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.management.base import BaseCommand, CommandError

from core import clock
from core.errors import Refusal
from projects.models import Project
from segments import importing
from segments.models import Connection, ImportJob, JobStatus
from segments.services import imports, running


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project_id")
        parser.add_argument("source")
        parser.add_argument("--format", choices=ImportJob.Format.values, help="told by the file's ending when absent")
        parser.add_argument("--json", action="store_true", help="print the job as Pinpoint's ImportJobResponse")
        parser.add_argument("--name", default="", help="of the segment; the file's name when absent")
        parser.add_argument("--connection", help="name of an S3 connection of the project")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(public_id=options["project_id"], deleted_at=None).first()
        if project is None:
            raise CommandError(f"There is no project {options['project_id']}.")
        try:
            job = self._create(project, options)
        except (Refusal, OSError) as refusal:
            raise CommandError(str(refusal)) from None
        running.run_job(job_id=job.pk, clock=clock.now)
        job.refresh_from_db()
        if job.status != JobStatus.COMPLETED:
            raise CommandError(importing.failure_sentence(job) or f"The import is in state {job.status}.")
        if options["json"]:
            self.stdout.write(json.dumps(importing.job_response(job=job), ensure_ascii=False, indent=2))
            return
        for note in importing.note_sentences(job):
            self.stdout.write(note)
        for row in importing.refused_rows(job=job, limit=20):
            self.stdout.write(f"{row.file_name}:{row.line_number} {row.column} {row.reason}".replace("  ", " "))
        segment_id = job.segment.public_id if job.segment else ""
        self.stdout.write(f"processed {job.total_processed}, refused {job.total_failures}, segment {segment_id}")

    @staticmethod
    def _create(project: Project, options: dict[str, Any]) -> ImportJob:
        source = options["source"]
        format = options["format"] or ("JSON" if source.endswith((".json", ".jsonl", ".ndjson")) else "CSV")
        if source.startswith("s3://"):
            connection = None
            if options["connection"]:
                connection = Connection.objects.filter(project=project, name=options["connection"]).first()
                if connection is None:
                    raise CommandError(f"The project has no connection “{options['connection']}”.")
            return imports.create_s3_import(
                project=project, actor=None, s3_url=source, connection=connection, format=format,
                segment_name=options["name"], now=clock.now(),
            )  # fmt: skip
        path = Path(source)
        with path.open("rb") as file:
            return imports.create_upload_import(
                project=project, actor=None, upload=File(file, name=path.name), format=format,
                segment_name=options["name"], now=clock.now(),
            )  # fmt: skip
