"""``manage.py lake compact|catalog|export|erase|rebuild``: the Parquet files of events."""

from __future__ import annotations

import argparse
import datetime
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from analytics.lake import catalog, erasing, glue, own_tables, summary, translation, upkeep, writing
from analytics.lake.aws import AwsFailed
from analytics.lake.store import store, table_folder
from analytics.transforms import upkeep as mending
from core import clock
from projects.models import Project

_PARTITIONS = "type=*/day=*/*.parquet"


class Command(BaseCommand):
    help = (
        "compact: write what is new, merge small files, take away what is past its time or belongs to nobody. "
        "catalog: what there is; --views: as SQL for DuckDB; --glue: into AWS Glue, at once. export: copy a project's files, its "
        "transforms' tables among them, into a folder. "
        "erase: write the files anew without some endpoints. rebuild: write all files anew from the event table."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("action", choices=["compact", "catalog", "export", "erase", "rebuild"])
        parser.add_argument("--project", help="id of one project (export and erase need it)")
        parser.add_argument("--to", type=Path, help="export: the folder")
        parser.add_argument("--since", type=datetime.date.fromisoformat, help="export: the first day (UTC), e.g. 2026-11-01")
        parser.add_argument("--until", type=datetime.date.fromisoformat, help="export: the last day (UTC)")
        parser.add_argument(
            "--endpoint", type=int, action="append", default=[], help="erase: an endpoint's number; again for more"
        )
        parser.add_argument("--views", action="store_true", help="catalog: SQL that makes all_events and the views in DuckDB")
        parser.add_argument(
            "--athena",
            metavar="DATABASE",
            help="catalog --views: SQL that makes the project's in this database of Glue, for Athena",
        )
        parser.add_argument(
            "--glue", action="store_true", help="catalog: bring the table in Glue up to date, as a tick does each minute"
        )

    def handle(self, *args: object, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(options)

    def _compact(self, options: dict[str, Any]) -> None:
        events = 0
        while written := writing.write_events(now=clock.now()):
            events += written
        merged = upkeep.keep_up(now=clock.now(), everything=True)
        self.stdout.write(f"{events:,} events were written; {merged:,} files were merged.")

    def _catalog(self, options: dict[str, Any]) -> None:
        if options["glue"]:
            try:
                changed = glue.bring_up_to_date(now=clock.now())
            except (glue.NoCatalog, AwsFailed) as fault:
                raise CommandError(str(fault)) from fault
            self.stdout.write(f"{changed:,} partitions of {settings.LAKE_GLUE_DATABASE}.{catalog.ALL} were brought up to date.")
            return
        if options["views"]:
            if options["athena"]:
                self._views_of_athena(self._project(options), options["athena"])
                return
            app_id = self._project(options).public_id if options["project"] else "*"
            self._views(f"{settings.LAKE_URL.rstrip('/')}/project={app_id}/{_PARTITIONS}")
            if options["project"]:
                self._views_of_tables(self._project(options))
            return
        for project in self._projects(options):
            self.stdout.write(f"{project.public_id} {project.name}")
            for one in summary.summary(project_id=project.pk):
                self.stdout.write(
                    f"  {one.type_name:<32} {one.files:>6,} files {one.rows:>14,} rows {one.bytes:>15,} bytes "
                    f"({one.bytes / one.rows:.1f} a row)  {one.first_day} – {one.last_day}"
                )
            for own in summary.tables(project_id=project.pk):
                self.stdout.write(
                    f"  {own.name:<32} {own.files:>6,} files {own.rows:>14,} rows {own.bytes:>15,} bytes  (a transform's)"
                )

    def _views(self, everything: str) -> None:
        for name, definition in catalog.views(paths=[everything]):
            self.stdout.write(f"CREATE OR REPLACE VIEW {name} AS {definition};")

    def _views_of_athena(self, project: Project, database: str) -> None:
        if not settings.LAKE_GLUE_DATABASE:
            raise CommandError("Set LAKE_GLUE_DATABASE to the database that has the table of all events.")
        if not re.fullmatch(r"[a-z0-9_]+", database) or database == settings.LAKE_GLUE_DATABASE:
            raise CommandError("Name a database of its own for the project's views, with a–z, 0–9 and _.")
        for table in catalog.tables():
            query = translation.to_athena(
                sql=f"SELECT * FROM {table.name}", parameters={}, app_id=project.public_id, database=settings.LAKE_GLUE_DATABASE
            )
            self.stdout.write(f"CREATE OR REPLACE VIEW {database}.{table.name} AS {query};")

    def _views_of_tables(self, project: Project) -> None:
        for one in own_tables.of_project(project_id=project.pk):
            folder = f"{settings.LAKE_URL.rstrip('/')}/{table_folder(app_id=project.public_id, table=one.name)}"
            paths = [f"{folder}/**/*.parquet"] if own_tables.current([one]).exists() else []
            name, definition = own_tables.identifier(one.name), own_tables.definition(one, paths=paths)
            self.stdout.write(f"CREATE OR REPLACE VIEW {name} AS {definition};")

    def _export(self, options: dict[str, Any]) -> None:
        project = self._project(options)
        if options["to"] is None:
            raise CommandError("Say where to, with --to.")
        sizes = list(summary.copy_files(project_id=project.pk, to=options["to"], since=options["since"], until=options["until"]))
        self.stdout.write(f"{len(sizes):,} files, {sum(sizes):,} bytes, in {options['to']}")

    def _erase(self, options: dict[str, Any]) -> None:
        project = self._project(options)
        if not options["endpoint"]:
            raise CommandError("Say which endpoints, with --endpoint. “manage.py erase_person” erases a person everywhere.")
        rows, after = 0, 0
        while True:
            with transaction.atomic():
                struck = erasing.erase_rows(project_id=project.pk, endpoint_ids=options["endpoint"], after=after)
            rows += struck.rows
            if struck.after is None:
                break
            after = struck.after
        self.stdout.write(f"{rows:,} rows were erased; the old files go in {upkeep.GRACE.seconds // 60} minutes.")

    def _rebuild(self, options: dict[str, Any]) -> None:
        with transaction.atomic():
            taken = upkeep.begin_anew(now=clock.now())
        self.stdout.write(f"{taken:,} files were taken out of the lake.")
        self._compact(options)
        if lost := mending.mend(store=store(), now=clock.now()):
            self.stdout.write(f"{lost:,} files of transforms' tables are gone; they are made anew within minutes.")

    def _projects(self, options: dict[str, Any]) -> Iterable[Project]:
        return [self._project(options)] if options["project"] else Project.objects.order_by("pk")

    def _project(self, options: dict[str, Any]) -> Project:
        project = Project.objects.filter(public_id=options["project"] or "").first()
        if project is None:
            raise CommandError(f"There is no project {options['project']}." if options["project"] else "Say which --project.")
        return project
