"""``manage.py facets verify|rebuild|fold``: the index of attribute values against the tables.

``verify`` says every difference and fails when there is one; ``rebuild`` builds the index anew while the console goes on.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from endpoints.facets import folding, rebuilding
from projects.models import Project


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["verify", "rebuild", "fold"])
        parser.add_argument("--project", help="id of one project; all of them when absent")

    def handle(self, *args: Any, **options: Any) -> None:
        projects = Project.objects.order_by("pk")
        if options["project"]:
            projects = projects.filter(public_id=options["project"])
            if not projects:
                raise CommandError(f"There is no project {options['project']}.")
        differences = 0
        for project in projects:
            if options["action"] == "fold":
                folding.fold_project(project_id=project.pk)
            elif options["action"] == "rebuild":
                live = rebuilding.rebuild(project_id=project.pk)
                self.stdout.write(f"{project.public_id}: {live} subjects answer")
            else:
                found = rebuilding.verify(project_id=project.pk)
                differences += len(found)
                for difference in found:
                    self.stdout.write(f"{project.public_id}: {difference}")
        if differences:
            raise CommandError(f"{differences} differences. `manage.py facets rebuild` mends them.")
