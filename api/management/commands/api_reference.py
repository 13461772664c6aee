"""``manage.py api_reference [--write]``: docs/api.md from the table of operations; without ``--write``: whether the file is right."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from api import reference


class Command(BaseCommand):
    help = "Writes docs/api.md, or exits 1 when it is not what the table of operations says."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        path, text = Path(settings.BASE_DIR) / "docs" / "api.md", reference.text()
        if options["write"]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            raise CommandError("docs/api.md is old. Write it anew: manage.py api_reference --write")
