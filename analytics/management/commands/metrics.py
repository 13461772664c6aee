"""``manage.py metrics``: the table of all indicators, as ``docs/metrics.md`` has it; ``--write`` writes it there."""

from __future__ import annotations

import argparse
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand

from analytics.kpis.documentation import metrics_document


class Command(BaseCommand):
    help = "Print the table of all indicators: names, sources, formulas, grains and units."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help="write docs/metrics.md")

    def handle(self, *args: object, **options: object) -> None:
        text = metrics_document()
        if not options["write"]:
            self.stdout.write(text, ending="")
            return
        (Path(settings.BASE_DIR) / "docs" / "metrics.md").write_text(text, encoding="utf-8")
