"""S3 by boto3: list, look, read a stretch of an object whose ETag is pinned. The only module that knows boto3."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.exceptions
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from core import secretbox
from core.errors import Refusal
from segments.models import Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_FILES = 10_000  # of one import (reference, section 3)

_SENTENCES: dict[str, Any] = {
    "NoSuchBucket": _("The bucket “%(bucket)s” does not exist, or the connection belongs to another account."),
    "NoSuchKey": _("There is no file “%(key)s” in the bucket “%(bucket)s”."),
    "AccessDenied": _("The bucket “%(bucket)s” denies access. The connection's key needs s3:ListBucket and s3:GetObject."),
    "InvalidAccessKeyId": _("S3 does not know the connection's access key id. Check the connection."),
    "SignatureDoesNotMatch": _("S3 refused the connection's secret access key. Enter it anew in the connection."),
    "PreconditionFailed": _("The file “%(key)s” was changed while it was being read. Import it again."),
    "no_connection": _("The connection of this import was deleted. Begin a new import with another connection."),
    "unreachable": _("S3 can't be reached at %(endpoint)s. Check the connection's endpoint URL and region."),
    "empty_prefix": _("There are no files under “%(key)s” in the bucket “%(bucket)s”."),
    "too_many_files": _("There are more than %(limit)s files under “%(key)s”."),
    "bad_url": _("“%(url)s” is not an S3 address. It looks like s3://bucket/folder/file.csv."),
    "other": _("S3 answered: %(reason)s"),
}


class SourceRefused(Refusal):
    """S3 does not give the file; the sentence says why and what to do."""

    def __init__(self, code: str, **params: Any) -> None:
        self.code = code
        self.params = params
        super().__init__(sentence(code, params))


def sentence(code: str, params: dict[str, Any]) -> str:
    template = _SENTENCES.get(code)
    return str(template) % params if template else code


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One object: its key, ETag and size in bytes."""

    key: str
    etag: str
    size: int


class S3Source:
    """A bucket through a connection's keys. Every error of S3 comes out as ``SourceRefused``."""

    def __init__(self, *, connection: Connection | None, bucket: str) -> None:
        self._bucket = bucket
        self._client = _client(connection)

    def find(self, key: str) -> list[FileInfo]:
        """The object with this key, else all objects under it as a prefix (subfolders too), in the order of their keys."""
        with self._errors(key):
            if key and not key.endswith("/"):
                found = self._single(key)
                if found:
                    return [found]
            files = []
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=key)
            for page in pages:
                for item in page.get("Contents", []):
                    if not item["Key"].endswith("/"):
                        files.append(FileInfo(key=item["Key"], etag=item["ETag"], size=item["Size"]))
                if len(files) > MAX_FILES:
                    raise SourceRefused("too_many_files", key=key, limit=MAX_FILES)
            if not files:
                code = "empty_prefix" if not key or key.endswith("/") else "NoSuchKey"
                raise SourceRefused(code, key=key, bucket=self._bucket)
            return sorted(files, key=lambda file: file.key)

    def _single(self, key: str) -> FileInfo | None:
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=key)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        return FileInfo(key=key, etag=head["ETag"], size=head["ContentLength"])

    @contextlib.contextmanager
    def open(self, key: str, *, etag: str, start: int = 0, end: int | None = None) -> Iterator[Any]:
        """A stream over bytes ``start`` … ``end`` (exclusive) of the object, if it still has this ETag."""
        span = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        with self._errors(key):
            body = self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=etag, **span)["Body"]  # type: ignore[arg-type]
            with contextlib.closing(body):
                yield body

    def put(self, key: str, content: IO[bytes], *, content_type: str) -> None:
        """Write an object, over one of the same key."""
        with self._errors(key):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)

    @contextlib.contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        known = {"bucket": self._bucket, "key": key}
        try:
            yield
        except botocore.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            code = {"403": "AccessDenied", "404": "NoSuchBucket", "412": "PreconditionFailed"}.get(code, code)
            if code in _SENTENCES:
                raise SourceRefused(code, **known) from error
            raise SourceRefused("other", reason=error.response["Error"].get("Message", code)) from error
        except (botocore.exceptions.EndpointConnectionError, botocore.exceptions.HTTPClientError) as error:
            raise SourceRefused("unreachable", endpoint=self._client.meta.endpoint_url) from error
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise SourceRefused("other", reason=str(error)) from error


def parse_url(url: str) -> tuple[str, str]:
    """``s3://bucket/key`` as (bucket, key); raises ``SourceRefused``."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:  # "s3://[x" reads as half an IPv6 address
        raise SourceRefused("bad_url", url=url) from None
    if parts.scheme != "s3" or not parts.netloc:
        raise SourceRefused("bad_url", url=url)
    _scheme, _, rest = url.strip().partition("://")
    bucket, _, key = rest.partition("/")
    return bucket, key


def _client(connection: Connection | None) -> S3Client:
    config = botocore.config.Config(
        connect_timeout=5, read_timeout=60, retries={"max_attempts": 3, "mode": "standard"}, s3={"addressing_style": "path"}
    )
    if connection is None:
        return boto3.client("s3", endpoint_url=settings.S3_ENDPOINT_URL, config=config)
    return boto3.client(
        "s3",
        region_name=connection.region,
        endpoint_url=connection.endpoint_url or settings.S3_ENDPOINT_URL,
        aws_access_key_id=connection.access_key_id,
        aws_secret_access_key=secretbox.unseal(connection.sealed_secret_access_key),
        config=config,
    )
