"""Named S3 connections. The secret key is sealed at once and never shown again."""

from __future__ import annotations

import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core import secretbox
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit
from segments.models import Connection


class ConnectionNameTaken(Refusal):
    """Another connection of the project has this name."""


def create_connection(
    *,
    project: Project,
    actor: User | None,
    name: str,
    access_key_id: str,
    secret_access_key: str,
    now: datetime.datetime,
    region: str = "ap-northeast-2",
    endpoint_url: str = "",
) -> Connection:
    """Make a connection; raises ``ConnectionNameTaken``."""
    try:
        with transaction.atomic():
            connection = Connection.objects.create(
                project=project,
                name=name,
                region=region,
                endpoint_url=endpoint_url,
                access_key_id=access_key_id,
                sealed_secret_access_key=secretbox.seal(secret_access_key),
                created_by=actor,
            )
            audit.record(project=project, actor=actor, verb="connection.created", target=connection, now=now, name=name)
    except IntegrityError:
        raise ConnectionNameTaken(_("There is already a connection with this name. Choose another name.")) from None
    return connection


def delete_connection(*, connection: Connection, actor: User, now: datetime.datetime) -> None:
    """Delete a connection; import jobs that used it keep their results."""
    with transaction.atomic():
        audit.record(
            project=connection.project, actor=actor, verb="connection.deleted", target=connection, now=now, name=connection.name
        )
        connection.delete()
