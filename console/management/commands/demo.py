"""``manage.py demo``: a person, a project and a connection to try Pabal with. Run again, it changes nothing."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from console.embedded import samples
from core import clock
from projects.models import Member, User
from projects.services import projects
from segments.models import Connection
from segments.services import connections


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--password", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        user = User.objects.filter(email=options["email"]).first()
        if user is None:
            user = User.objects.create_superuser(options["email"], options["password"], name="Demo")
        if not Member.objects.filter(user=user).exists():
            project = projects.create_project(
                actor=user, name="데모 상점", description="파발을 시험해 보는 프로젝트입니다.", time_zone="Asia/Seoul", now=now
            )
            connections.create_connection(
                project=project, actor=user, name="Sample bucket", access_key_id="demo", secret_access_key="demo", now=now
            )  # fmt: skip
        if settings.S3_ENDPOINT_URL and Connection.objects.exists():
            samples.fill_bucket(endpoint_url=settings.S3_ENDPOINT_URL, folder=Path(settings.BASE_DIR) / "tests" / "data")
