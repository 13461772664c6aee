"""``manage.py erase_person PROJECT_ID (--endpoint ID | --user USER_ID)``: erase a person for good, everywhere it is kept.

The endpoints are gone at once; the rest is done here and now as far as it can be, and gone through a second time by the worker ten
minutes later.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import clock
from core.errors import Refusal
from endpoints.models import Endpoint
from endpoints.services import erasing
from projects.models import Project


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project_id")
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--endpoint", default="", help="Id of one of the person's endpoints")
        whom.add_argument("--user", default="", help="UserId of the person")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(public_id=options["project_id"], deleted_at=None).first()
        if project is None:
            raise CommandError(f"There is no project {options['project_id']}.")
        key = options["endpoint"].lower()
        pk = Endpoint.objects.filter(project=project, endpoint_key=key).values_list("pk", flat=True).first() if key else None
        try:
            request = erasing.erase_person(project=project, actor=None, now=clock.now(), endpoint_pk=pk, user_id=options["user"])
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        erasing.run_erasure(request_id=request.pk, clock=clock.now)
        request.refresh_from_db()
        for table, rows in sorted(request.rows.items()):
            self.stdout.write(f"{table}: {rows}")
        if request.waits_for:
            self.stdout.write(f"waits for {request.waits_for}")
        self.stdout.write(
            f"erasure {request.public_id}: {request.endpoints} endpoints are gone; the worker goes through all once more"
        )
