"""Named S3 connections. The secret key is sealed at once and never shown again."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core import secretbox
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit
from segments.models import Connection
from segments.sources import s3


class ConnectionNameTaken(Refusal):
    """Another connection of the project has this name."""


def create_connection(
    *,
    project: Project,
    actor: User | None,
    name: str,
    now: datetime.datetime,
    access_key_id: str = "",
    secret_access_key: str = "",
    role_arn: str = "",
    region: str = "ap-northeast-2",
    endpoint_url: str = "",
) -> Connection:
    """Make a connection by keys, by a role, or by a role that the keys assume; raises ``ConnectionNameTaken``."""
    try:
        with transaction.atomic():
            connection = Connection.objects.create(
                project=project,
                name=name,
                region=region,
                endpoint_url=endpoint_url,
                access_key_id=access_key_id,
                sealed_secret_access_key=secretbox.seal(secret_access_key) if secret_access_key else "",
                role_arn=role_arn,
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


@dataclass(frozen=True, slots=True)
class Checked:
    """What a connection sees at an address."""

    files: int
    size: int  # bytes


def check_connection(*, connection: Connection, s3_url: str) -> Checked:
    """List an address and read a first byte, as an import would; raises ``SourceRefused`` with what to do."""
    bucket, key = s3.parse_url(s3_url)
    source = s3.S3Source(connection=connection, bucket=bucket)
    files = source.find(key)
    first = next((file for file in files if file.size), None)
    if first is not None:
        with source.open(first.key, etag=first.etag, start=0, end=1) as stream:
            stream.read(1)
    return Checked(files=len(files), size=sum(file.size for file in files))
