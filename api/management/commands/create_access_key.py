"""``manage.py create_access_key --account | --project ID``: makes a key and prints it, once."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from api.models import Right
from api.services import access_keys
from core import clock
from core.errors import Refusal
from projects.models import Project, User


class Command(BaseCommand):
    help = "Makes an access key of the API and prints it; the secret is shown this once."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--account", action="store_true", help="of the account: every project, and all templates")
        where.add_argument("--project", metavar="ID", help="of one project, by its id")
        parser.add_argument("--email", help="in whose name it acts; otherwise the first superuser's, or the project's maker's")
        parser.add_argument("--name", default="command line")
        parser.add_argument(
            "--rights", nargs="+", choices=[right.value for right in Right], default=[Right.READ, Right.WRITE, Right.SEND]
        )
        parser.add_argument("--json", action="store_true", help='print {"AccessKeyId": …, "SecretAccessKey": …}')

    def handle(self, *args: Any, **options: Any) -> None:
        project = _project(options["project"]) if options["project"] else None
        actor = _actor(options["email"], project)
        try:
            made = access_keys.create_access_key(
                project=project, actor=actor, name=options["name"], rights=options["rights"], now=clock.now()
            )
        except Refusal as refusal:
            raise CommandError(refusal.message) from None
        printed = {"AccessKeyId": made.key.access_key_id, "SecretAccessKey": made.secret}
        self.stdout.write(json.dumps(printed) if options["json"] else "\n".join(f"{key}: {one}" for key, one in printed.items()))


def _project(public_id: str) -> Project:
    found = Project.objects.select_related("created_by").filter(public_id=public_id, deleted_at=None).first()
    if found is None:
        raise CommandError(f"There is no project with the id {public_id}. It stands in the project's settings.")
    return found


def _actor(email: str | None, project: Project | None) -> User:
    if email:
        found = User.objects.filter(email=email.lower(), is_active=True).first()
        if found is None:
            raise CommandError(f"Nobody logs in as {email}.")
    elif project is not None:
        found = project.created_by
    else:
        found = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if found is None:
            raise CommandError("There is no superuser. Make one: manage.py createsuperuser.")
    if project is None and not found.is_superuser:
        raise CommandError(f"{found.email} is no superuser; a key of the account acts in a superuser's name.")
    return found
