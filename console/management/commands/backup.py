"""``manage.py backup FOLDER``: a backup of the database and of what lies beside it, while everything runs.

``--keep N``: then delete all but the N newest of that folder. ``--verify``: make none; read the folder's newest one (or the backup
that is named) and compare every byte with what was written.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.backup import making, manifest
from console.backup.errors import BackupRefused
from core import clock


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="where backups are kept, better on another disk")
        parser.add_argument("--keep", type=int, metavar="N", help="how many backups stay in the folder")
        parser.add_argument("--verify", action="store_true", help="check instead of making one")

    def handle(self, *args: Any, **options: Any) -> None:
        folder, keep = options["folder"], options["keep"]
        if keep is not None and keep < 1:
            raise CommandError("--keep takes 1 or more: the backup that is made now stays.")
        try:
            if options["verify"]:
                self._verify(folder)
                return
            made = making.make_backup(folder=folder, now=clock.now(), keep=keep)
            said = manifest.read(made)
        except BackupRefused as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(f"{made}: {_size(said)}, {len(said.files)} files")
        if said.uploads:
            self.stdout.write(f"Uploads are not in it: they are in the {said.uploads}. Keep its versions, or copy it.")
        if settings.SECRETS_KEY == settings.KNOWN_SECRET_KEY:
            return
        self.stdout.write("SECRET_KEY and SECRETS_KEY are not in it: keep them elsewhere. Without them it can't be restored.")

    def _verify(self, folder: Path) -> None:
        backup = folder
        if not (folder / manifest.NAME).exists():
            found = making.backups(folder) if folder.is_dir() else []
            if not found:
                raise CommandError(f"There is no whole backup in {folder}.")
            backup = found[-1]
        said = manifest.verify(backup)
        self.stdout.write(f"{backup}: whole, of {said.made_at:%Y-%m-%d %H:%M:%S} UTC, {_size(said)}, {len(said.files)} files")


def _size(said: manifest.Manifest) -> str:
    return f"{sum(file.size for file in said.files.values()) / 2**20:,.1f} MiB"
