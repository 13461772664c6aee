"""``manage.py rollups verify|rebuild``: counters and sets against the events they come from, and made again from them."""

from __future__ import annotations

import argparse
import datetime

from django.core.management.base import BaseCommand, CommandError

from analytics.models import kind_label
from analytics.rollups import recount
from projects.models import Project

_SHOWN = 50  # differences of a project


class Command(BaseCommand):
    help = "Compare the counters and sets with the events (verify), or make them again from the events (rebuild)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("action", choices=["verify", "rebuild"])
        parser.add_argument("--project", help="id of one project; all of them when absent")
        parser.add_argument("--since", type=datetime.date.fromisoformat, help="first day (UTC), e.g. 2026-11-01; all when absent")
        parser.add_argument("--until", type=datetime.date.fromisoformat, help="last day (UTC)")
        parser.add_argument(
            "--lower", action="store_true",
            help="rebuild: also make numbers smaller. Without it, numbers of people who were erased, and of events that are kept no "
            "longer, stay.",
        )  # fmt: skip

    def handle(self, *args: object, **options: object) -> None:
        projects = Project.objects.order_by("pk")
        if options["project"]:
            projects = projects.filter(public_id=options["project"])
            if not projects:
                raise CommandError(f"There is no project {options['project']}.")
        wrong = 0
        for project in projects:
            asked = [day for day in recount.days(project_id=project.pk) if _within(day, options["since"], options["until"])]
            found = (
                self._verify(project, asked)
                if options["action"] == "verify"
                else _rebuild(project, asked, bool(options["lower"]))
            )
            self.stdout.write(
                f"{project.public_id} {project.name}: {len(asked)} days, {found} numbers {_WERE[str(options['action'])]}."
            )
            wrong += found
        if wrong and options["action"] == "verify":
            raise CommandError("Numbers differ from the events. “manage.py rollups rebuild” makes them again.")

    def _verify(self, project: Project, days: list[datetime.date]) -> int:
        found = 0
        for day in days:
            for one in recount.differences(project_id=project.pk, day=day):
                found += 1
                if found <= _SHOWN:
                    key = ", ".join(f"{name} {value}" for name, value in one.key.items() if name != "kind")
                    self.stdout.write(
                        f"  {one.what} {kind_label(one.key['kind'])} ({key}): {one.kept}, by the events {one.counted}"
                    )
        return found


_WERE = {"verify": "differ from the events", "rebuild": "were set right"}


def _within(day: datetime.date, since: object, until: object) -> bool:
    return (not isinstance(since, datetime.date) or day >= since) and (not isinstance(until, datetime.date) or day <= until)


def _rebuild(project: Project, days: list[datetime.date], may_lower: bool) -> int:
    return sum(recount.rebuild(project_id=project.pk, day=day, raise_only=not may_lower) for day in days)
