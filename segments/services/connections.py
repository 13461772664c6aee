"""Named S3 connections. The secret key is sealed at once and never shown again."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core import secretbox
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit
from segments.models import Connection
from segments.sources import s3

ROLE = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]{1,200}")


class ConnectionNameTaken(Refusal):
    """Another connection of the project has this name."""


class NoConnection(Refusal):
    """The project has none, and what is named as a role is none."""


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


def connection_for_role(*, project: Project, actor: User, role_arn: str, region: str, now: datetime.datetime) -> Connection:
    """The project's connection with this role, else its first one; where it has none, one that assumes the role is made.

    Never without a role or keys of the project's own: boto3 would take the server's, which may open any bucket. Raises
    ``NoConnection``.
    """
    found = _fitting(project, role_arn)
    if found is not None:
        return found
    if not ROLE.fullmatch(role_arn):
        raise NoConnection(
            _("RoleArn: the project has no S3 connection. Make one in the console, or name a role (arn:aws:iam::…:role/…).")
        )
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two first jobs at once make one connection
        name = role_arn.rpartition("/")[2][:64]
        return _fitting(project, role_arn) or create_connection(
            project=project, actor=actor, name=name, role_arn=role_arn, region=region, now=now
        )


def _fitting(project: Project, role_arn: str) -> Connection | None:
    found = list(Connection.objects.select_related("project").filter(project=project).order_by("pk"))
    return next((one for one in found if one.role_arn == role_arn), found[0] if found else None)


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
