"""``manage.py reach rebuild``: the sets behind “who opened” are made again from the events."""

from __future__ import annotations

import argparse

from django.core.management.base import BaseCommand

from analytics.services.reach import rebuild_reach


class Command(BaseCommand):
    help = "Make the sets of who received, opened, clicked and unsubscribed again from the events."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("action", choices=["rebuild"])

    def handle(self, *args: object, **options: object) -> None:
        self.stdout.write(f"{rebuild_reach()} sets were made from the events.")
