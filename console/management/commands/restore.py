"""``manage.py restore BACKUP``: put a backup back, into an empty database only.

Nothing is sent by itself afterwards: each campaign waits for a choice (``manage.py restored``).
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.services import restoring as campaigns_restoring
from console.backup import restoring
from console.backup.errors import BackupRefused
from core import clock
from projects.models import Installation


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", type=Path, metavar="BACKUP", help="one backup, such as /backups/pabal-20261126T030000Z")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = restoring.restore(backup=options["backup"])
        except BackupRefused as refused:
            raise CommandError(str(refused)) from refused
        said = done.manifest
        kept = f", {done.kept} were there already" if done.kept else ""
        self.stdout.write(f"Restored: the database of {said.made_at:%Y-%m-%d %H:%M:%S} UTC, {done.files} files{kept}.")
        if said.uploads:
            self.stdout.write(f"Uploads are in the {said.uploads}: they were not in the backup.")
        if done.waiting:
            self.stdout.write(f"{done.waiting} migrations wait. Next: manage.py migrate, then manage.py restored")
            return
        campaigns_restoring.hold_if_restored(now=clock.now())
        held = Installation.objects.filter(restored_at__isnull=False).exists()
        self.stdout.write(
            "Every campaign that may send is held. Next: manage.py restored, and choose of each what becomes of it."
            if held
            else "Nothing was noticed to hold (a new installation's backup). Next: manage.py restored"
        )
