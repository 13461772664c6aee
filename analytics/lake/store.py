"""Where the files lie: a folder of this machine (or one that machines share), or a bucket of S3.

A file has one name for ever and never changes, so a copy that was taken of it is as good as it.
"""

from __future__ import annotations

import datetime
import itertools
import os
import tempfile
import urllib.parse
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.core.files import File

from analytics.lake import schema as parquet
from core.ids import public_id

TABLES = "_tables"  # the folder of projects' own tables
_COPY_IN_USE_SECONDS = 5 * 60  # a query may still read it
_COPY_KEPT_SECONDS = 24 * 60 * 60  # a copy of an object, since it was last read


class Store(Protocol):
    """Paths are those of ``LakeFile``."""

    def write(self, path: str, tables: Any, schema: Any = parquet.SCHEMA) -> int:
        """Write a whole new file; returns its bytes. It is safe on disk afterwards."""

    def local(self, path: str) -> Path:
        """The file on this machine. Raises ``FileNotFoundError``."""

    def forget_copies(self, *, app_id: str, but: Collection[str]) -> None:
        """Forget what this machine copied of a project's other files: somebody may have been erased from them."""

    def delete(self, path: str) -> None:
        """Delete a file; one that is gone already is no fault."""

    def paths(self, *, before: datetime.datetime) -> Iterator[str]:
        """Every file that was written before."""


def store() -> Store:
    """The lake of ``LAKE_URL``."""
    url = urllib.parse.urlsplit(settings.LAKE_URL)
    if url.scheme == "s3":
        return BucketStore(bucket=url.netloc, prefix=url.path.strip("/"))
    return FolderStore(Path(url.path if url.scheme == "file" else settings.LAKE_URL))


def new_path(*, app_id: str, type_name: str, day: datetime.date) -> str:
    """A name that no other file has, in the folders that Hive, DuckDB, Athena and pandas know.

    Letters of all languages stay as they are: fifty of them, escaped, would be longer than a folder's name may be.
    """
    kind = "".join(one if ord(one) > 127 else urllib.parse.quote(one, safe="") for one in type_name)
    return f"project={app_id}/type={kind}/day={day.isoformat()}/{public_id()}.parquet"


def table_folder(*, app_id: str, table: str) -> str:
    return f"{TABLES}/project={app_id}/table={table}"


def new_table_path(*, app_id: str, table: str, day: datetime.date | None) -> str:
    """A name for a file of a project's own table; ``day`` is its partition, None of a table without any.

    It is beside the events' folders, so that programs that read those, as one table, don't find it among them.
    """
    partition = f"/partition_day={day.isoformat()}" if day else ""
    return f"{table_folder(app_id=app_id, table=table)}{partition}/{public_id()}.parquet"


class FolderStore:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, path: str, tables: Any, schema: Any = parquet.SCHEMA) -> int:
        full = self._folder / path
        full.parent.mkdir(parents=True, exist_ok=True)
        parquet.write(full, tables, schema)
        for folder in full.parents:
            _sync_folder(folder)
            if folder == self._folder.parent:
                break
        full.chmod(0o444)
        return full.stat().st_size

    def local(self, path: str) -> Path:
        full = self._folder / path
        if not full.exists():
            raise FileNotFoundError(full)
        return full

    def forget_copies(self, *, app_id: str, but: Collection[str]) -> None:
        pass  # there are none

    def delete(self, path: str) -> None:
        (self._folder / path).unlink(missing_ok=True)

    def paths(self, *, before: datetime.datetime) -> Iterator[str]:
        for full in self._folder.rglob("*.parquet"):
            if full.stat().st_mtime < before.timestamp():
                yield str(full.relative_to(self._folder))


class BucketStore:
    """Objects of S3, by the machine's own keys; read from copies below ``PABAL_VAR/lake-copies``."""

    def __init__(self, *, bucket: str, prefix: str) -> None:
        from storages.backends.s3 import S3Storage

        self._storage = S3Storage(
            bucket_name=bucket, location=prefix, endpoint_url=settings.S3_ENDPOINT_URL, default_acl=None, file_overwrite=True
        )
        self._prefix = f"{prefix}/" if prefix else ""
        self._copies = Path(settings.VAR_DIR) / "lake-copies" / bucket / prefix

    def write(self, path: str, tables: Any, schema: Any = parquet.SCHEMA) -> int:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "made.parquet"
            parquet.write(made, tables, schema)
            with made.open("rb") as raw:
                self._storage.save(path, File(raw))
            return made.stat().st_size

    def local(self, path: str) -> Path:
        copy = self._copies / path
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            half = copy.with_name(f"{copy.name}.{public_id()}.half")
            with self._storage.open(path) as source, half.open("xb") as out:
                for chunk in source.chunks():
                    out.write(chunk)
            half.rename(copy)
        os.utime(copy)  # read now
        return copy

    def forget_copies(self, *, app_id: str, but: Collection[str]) -> None:
        copied = [copy for path in but if (copy := self._copies / path).exists()]
        now = max((copy.stat().st_mtime for copy in copied), default=float("inf"))  # some were read now
        folders = [self._copies / f"project={app_id}", self._copies / TABLES / f"project={app_id}"]
        for copy in itertools.chain.from_iterable(folder.rglob("*.parquet*") for folder in folders):
            if str(copy.relative_to(self._copies)) not in but and copy.stat().st_mtime < now - _COPY_IN_USE_SECONDS:
                copy.unlink(missing_ok=True)

    def put(self, path: str, content: bytes) -> None:
        """An object that is no Parquet file, whole, in the place of one that is there."""
        self._storage.bucket.put_object(Key=self._prefix + path, Body=content)

    def address(self, path: str) -> str:
        """As AWS names it."""
        return f"s3://{self._storage.bucket_name}/{self._prefix}{path}"

    def delete(self, path: str) -> None:
        self._storage.delete(path)
        (self._copies / path).unlink(missing_ok=True)

    def paths(self, *, before: datetime.datetime) -> Iterator[str]:
        self._forget_copies(before)
        prefixes = [f"{self._prefix}project=", f"{self._prefix}{TABLES}/project="]
        for one in itertools.chain.from_iterable(self._storage.bucket.objects.filter(Prefix=prefix) for prefix in prefixes):
            if one.last_modified < before and one.key.endswith(".parquet"):
                yield one.key.removeprefix(self._prefix)

    def _forget_copies(self, now: datetime.datetime) -> None:
        """Other machines delete objects, and what is erased there must go here, too."""
        for copy in self._copies.rglob("*.parquet*"):
            if copy.stat().st_mtime < now.timestamp() - _COPY_KEPT_SECONDS:
                copy.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
