"""``manage.py import_from_pinpoint FOLDER``: takes over what Amazon Pinpoint's API answered, saved as docs/moving.md says.

Try it with --dry-run first. It sends nothing and launches nothing, and can be run again: what is there already stays as it is.
Exits 0 when everything is here, 3 when something was not taken (the text and the report file say what, why, and what to do).
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.moving import running
from console.moving.report import Fate
from core import clock
from core.errors import Refusal
from projects.models import User

_NOT_ALL = 3  # exit code


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="say what would be taken, and write nothing")
        parser.add_argument("--email", help="in whose name; the projects become theirs. Otherwise the first superuser")
        parser.add_argument(
            "--report", type=Path, help="the report as JSON; pinpoint-import-TIME.json in this folder when absent"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"There is no folder {folder}.")
        started_at = clock.now()
        path = options["report"] or Path(f"pinpoint-import-{started_at:%Y%m%d-%H%M%S}.json")
        try:
            path.touch()
        except OSError as fault:
            raise CommandError(
                f"The report can't be written to {path}: {fault.strerror}. Name another file with --report."
            ) from None
        try:
            report = running.move_in(
                root=folder, actor=_actor(options["email"]), clock=clock.now, is_dry_run=options["dry_run"],
            )  # fmt: skip
        except Refusal as refusal:
            raise CommandError(refusal.message) from None
        for line in report.lines():
            self.stdout.write(line)
        document = {"started_at": started_at.isoformat(), "dry_run": options["dry_run"], **report.document()}
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        self.stdout.write(f"\n{'Nothing was written: this was a dry run. ' * options['dry_run']}Report: {path}")
        if report.has_faults:
            number = len(report.of(Fate.FAULT))
            raise CommandError(f"{number} things were not taken. Mend what the list says and run it again.", returncode=_NOT_ALL)


def _actor(email: str | None) -> User:
    users = User.objects.filter(is_active=True)
    found = users.filter(email=email.lower()).first() if email else users.filter(is_superuser=True).order_by("pk").first()
    if found is None:
        raise CommandError(
            f"Nobody logs in as {email}." if email else "There is no superuser. Make one: manage.py createsuperuser."
        )
    if not found.is_superuser:
        raise CommandError(f"{found.email} is no superuser, and templates are the whole installation's.")
    return found
