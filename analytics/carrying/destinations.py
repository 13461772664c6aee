"""A stream's row as the destination that it names."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.fernet import InvalidToken
from django.conf import settings

from analytics.carrying import aws, places
from analytics.carrying.parcel import DestinationFailed, Parcel
from analytics.models import EventStream
from core import secretbox

FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
_D = EventStream.Destination


class Destination(Protocol):
    """``line_bytes``: the longest line that it takes, 0 for any."""

    line_bytes: int

    def put(self, parcel: Parcel) -> None:
        """All of a parcel; what is put twice may be there twice. Raises ``DestinationFailed``."""

    def close(self) -> None: ...


def destination(stream: EventStream, *, clock: Callable[[], datetime.datetime]) -> Destination:
    """Raises ``DestinationFailed``."""
    if stream.kind == _D.KINESIS:
        return aws.Kinesis(arn=stream.target, account=_account(stream, aws.region_and_name(stream.target)[1]))
    if stream.kind == _D.FIREHOSE:
        _service, region, name = aws.region_and_name(stream.target)
        return aws.Firehose(name=name, account=_account(stream, region))
    if stream.kind == _D.S3:
        bucket, prefix = bucket_and_prefix(stream.target)
        return aws.S3Files(bucket=bucket, prefix=prefix, account=_account(stream, stream.region))
    if stream.kind == _D.FOLDER:
        return places.Folder(path=folder(stream.project.public_id, stream.target))
    return places.Https(url=stream.target, secret=_opened(stream.sealed_signing_secret), clock=clock)


def folder(project: str, name: str) -> Path:
    """A project's folders are in one of its own."""
    return Path(settings.EVENT_STREAM_FOLDER or settings.VAR_DIR / "streams") / project / name


def bucket_and_prefix(url: str) -> tuple[str, str]:
    """Of ``s3://bucket/prefix/``; raises ``ValueError``."""
    found = _S3.fullmatch(url)
    if found is None:
        raise ValueError(url)
    prefix = (found[2] or "").strip("/")
    return found[1], f"{prefix}/" if prefix else ""


def _account(stream: EventStream, region: str) -> aws.Account:
    return aws.Account(
        region=region, access_key_id=stream.access_key_id, role_arn=stream.role_arn, external_id=stream.project.public_id,
        secret_access_key=_opened(stream.sealed_secret_access_key) if stream.access_key_id else "",
    )  # fmt: skip


def _opened(sealed: str) -> str:
    try:
        return secretbox.unseal(sealed)
    except InvalidToken:
        raise DestinationFailed("the secret can't be opened any more: enter it again") from None
