"""``manage.py check_domain NAME``: looks a sender's domain up in DNS and says what it found; exits 1 when something is to be mended."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import clock
from messaging.domains import names, wording
from messaging.domains.doctor import Level
from messaging.models import SenderDomain
from messaging.services import domains


class Command(BaseCommand):
    help = "Looks a domain that is a sender up in DNS, in every project that has it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="such as shop.example.com")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        try:
            wanted = names.normal(name)
        except ValueError:
            raise CommandError(f"{name} is no domain.") from None
        found = SenderDomain.objects.select_related("project").filter(name=wanted, project__deleted_at=None).order_by("pk")
        if not found:
            raise CommandError(f"{name} is no sender of any project.")
        is_bad = False
        for domain in found:
            self.stdout.write(f"{domain.name} ({domain.project.name})")
            for finding in domains.check_domain(domain=domain, now=clock.now()):
                is_bad = is_bad or finding.level == Level.BAD
                self.stdout.write(f"  {finding.level:8} {finding.check:11} {wording.sentence(finding)}")
        if is_bad:
            raise SystemExit(1)
