"""S3 by boto3: list, look, read a stretch of an object whose ETag is pinned, write. The only module that knows boto3."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.exceptions
import urllib3.exceptions
from django.conf import settings

from core import secretbox
from segments.models import Connection
from segments.sources import SENTENCES, FileInfo, SourceRefused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_FILES = 10_000  # of one import (reference, section 3)
_COUNT_LIMIT = 100_000  # files; nobody needs to know more exactly how many are too many
_SESSION_SECONDS = 3600  # of an assumed role; the longest that a role chained from another allows

# S3's own codes → ours.
_CODES = {
    "403": "AccessDenied",
    "AllAccessDisabled": "AccessDenied",
    "404": "NoSuchBucket",
    "412": "PreconditionFailed",
    "ExpiredToken": "expired",
    "ExpiredTokenException": "expired",
    "InvalidToken": "expired",
    "RequestExpired": "expired",
    "TokenRefreshRequired": "expired",
    "InvalidClientTokenId": "InvalidAccessKeyId",  # as STS says it
    "301": "wrong_region",
    "400": "wrong_region",  # HEAD has no body to say more
    "PermanentRedirect": "wrong_region",
    "AuthorizationHeaderMalformed": "wrong_region",
    "IllegalLocationConstraintException": "wrong_region",
}


class S3Source:
    """A bucket through a connection. Every error of S3 comes out as ``SourceRefused``. Threads may share it."""

    def __init__(self, *, connection: Connection | None, bucket: str) -> None:
        self._bucket = bucket
        self._endpoint = (connection.endpoint_url if connection else "") or settings.S3_ENDPOINT_URL
        with self._errors(""):
            self._client: S3Client = _client(connection, self._endpoint)

    def find(self, key: str) -> list[FileInfo]:
        """The object with this key, else all objects under it as a prefix (subfolders too), in the order of their keys."""
        with self._errors(key):
            if key and not key.endswith("/"):
                found = self._single(key)
                if found:
                    return [found]
            files: list[FileInfo] = []
            count = 0
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=key):
                for item in page.get("Contents", []):
                    if not item["Key"].endswith("/"):
                        count += 1
                        if count <= MAX_FILES:
                            files.append(FileInfo(key=item["Key"], etag=item["ETag"], size=item["Size"]))
                if count >= _COUNT_LIMIT:
                    break
            if count > MAX_FILES:
                raise SourceRefused("too_many_files", key=key, count=count, limit=MAX_FILES)
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
        with self._errors(key, missing="vanished"):
            body = self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=etag, **span)["Body"]  # type: ignore[arg-type]
        with contextlib.closing(body):
            yield _Body(body, lambda: self._errors(key))

    def put(self, key: str, content: IO[bytes], *, content_type: str) -> None:
        """Write an object, over one of the same key."""
        with self._errors(key):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)

    @contextlib.contextmanager
    def _errors(self, key: str, *, missing: str = "NoSuchKey") -> Iterator[None]:
        known = {"bucket": self._bucket, "key": key}
        try:
            yield
        except botocore.exceptions.ClientError as error:
            raise _refused(error, missing=missing, known=known) from error
        except botocore.exceptions.NoCredentialsError as error:
            raise SourceRefused("no_credentials") from error
        except (botocore.exceptions.IncompleteReadError, urllib3.exceptions.HTTPError) as error:
            raise SourceRefused("interrupted", key=key) from error
        except (botocore.exceptions.EndpointConnectionError, botocore.exceptions.HTTPClientError) as error:
            raise SourceRefused("unreachable", endpoint=self._endpoint or "Amazon S3") from error
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise SourceRefused("other", reason=str(error)) from error


class _Body:
    """An object's stream. Only its own errors are S3's; what its reader raises is not."""

    def __init__(self, body: Any, errors: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self._body, self._errors = body, errors

    def read(self, size: int, /) -> bytes:
        with self._errors():
            return bytes(self._body.read(size))


def _refused(error: botocore.exceptions.ClientError, *, missing: str, known: dict[str, str]) -> SourceRefused:
    answer = error.response["Error"]
    code = _CODES.get(answer["Code"], answer["Code"])
    if code == "wrong_region":
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return SourceRefused(code, region=answer.get("Region") or headers.get("x-amz-bucket-region") or "?", **known)
    code = {"NoSuchKey": missing}.get(code, code)
    if code in SENTENCES:
        return SourceRefused(code, **known)
    return SourceRefused("other", reason=answer.get("Message", code))


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


def external_id(connection: Connection) -> str:
    """What a role's trust policy asks for. The project's own id, never a chosen one: no project can use another one's role."""
    return connection.project.public_id


def _client(connection: Connection | None, endpoint: str | None) -> S3Client:
    config = botocore.config.Config(
        connect_timeout=5, read_timeout=60, retries={"max_attempts": 3, "mode": "standard"}, max_pool_connections=16,
        s3={"addressing_style": "path"},
    )  # fmt: skip
    if connection is None:
        return boto3.client("s3", endpoint_url=endpoint, config=config)
    keys: dict[str, str] = {}
    if connection.access_key_id:
        keys = {
            "aws_access_key_id": connection.access_key_id,
            "aws_secret_access_key": secretbox.unseal(connection.sealed_secret_access_key),
        }
    if connection.role_arn:
        keys = _assume(connection, keys, endpoint, config)
    return boto3.client("s3", region_name=connection.region, endpoint_url=endpoint, config=config, **keys)  # type: ignore[call-overload, no-any-return]


def _assume(connection: Connection, keys: dict[str, str], endpoint: str | None, config: Any) -> dict[str, str]:
    """Keys of the connection's role for an hour, taken by its own keys or by the server's."""
    sts = boto3.client("sts", region_name=connection.region, endpoint_url=endpoint, config=config, **keys)  # type: ignore[call-overload]
    try:
        given = sts.assume_role(
            RoleArn=connection.role_arn, RoleSessionName=f"pabal-{connection.project.public_id[:16]}",
            ExternalId=external_id(connection), DurationSeconds=_SESSION_SECONDS,
        )["Credentials"]  # fmt: skip
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403"):
            raise SourceRefused("role_denied", role=connection.role_arn, external_id=external_id(connection)) from error
        raise
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
