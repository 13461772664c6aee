"""The first pass of an import job: its files found, converted where they must be, checked whole, divided into pieces."""

from __future__ import annotations

import collections
import itertools
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from endpoints.importer.columns import ColumnKind, columns_of
from endpoints.importer.refusals import FileRefused
from endpoints.importer.scan import ScannedFile, scan
from endpoints.models import AttributeKind
from endpoints.services import catalogue
from segments.files import copying
from segments.files.mapping import Mapping
from segments.models import ColumnMapping, ImportJob, ImportPiece, ScheduledFile
from segments.sources import FileInfo, Source, SourceRefused, s3
from segments.sources.stored import StoredSource

_THREADS = 8  # files read at once: of a small one, most of the time is waiting for S3
_NOTES = 20  # of a kind that are kept
_MEMORY = 8 << 20  # bytes of a copy before it goes to the disk
_CSV = frozenset({"csv", "tsv", "txt", "xlsx", "xlsm"})
_JSON = frozenset({"json", "jsonl", "ndjson"})
_KINDS = {
    ColumnKind.ATTRIBUTE: AttributeKind.ATTRIBUTE,
    ColumnKind.USER_ATTRIBUTE: AttributeKind.USER_ATTRIBUTE,
    ColumnKind.METRIC: AttributeKind.METRIC,
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the first pass found: pieces in the order of (file, offset), notes for the page, bytes to be read."""

    pieces: list[ImportPiece]
    notes: list[dict[str, Any]]
    bytes_total: int


@dataclass(frozen=True, slots=True)
class _File:
    """One file after the first pass."""

    info: FileInfo
    copy_key: str
    scanned: ScannedFile


def source_of(job: ImportJob) -> Source:
    """Where a job's files are. Raises ``SourceRefused``."""
    if job.source == ImportJob.Source.UPLOAD:
        return StoredSource()
    bucket, _key = s3.parse_url(job.s3_url)
    if job.connection is None and job.created_by is not None:  # the server's own keys are for operators' commands
        raise SourceRefused("no_connection")
    return s3.S3Source(connection=job.connection, bucket=bucket)


def files_of(job: ImportJob, source: Source) -> list[FileInfo]:
    """A job's files: the upload, the object, everything under the prefix, or what a schedule has not imported yet."""
    if isinstance(source, StoredSource):
        return source.find(job.upload_key)
    assert isinstance(source, s3.S3Source)
    _bucket, key = s3.parse_url(job.s3_url)
    files = source.find(key)
    if job.schedule_id is None:
        return files
    return new_files(schedule_id=job.schedule_id, files=files, is_csv=job.format == ImportJob.Format.CSV)


def new_files(*, schedule_id: int, files: list[FileInfo], is_csv: bool) -> list[FileInfo]:
    """Those of the format whose ETag is not the one that was imported."""
    known = dict(ScheduledFile.objects.filter(schedule_id=schedule_id).values_list("key", "etag"))
    return [file for file in of_format(files, is_csv=is_csv) if known.get(file.key) != file.etag]


def remembered_mappings(job: ImportJob) -> dict[str, Mapping]:
    found = ColumnMapping.objects.filter(project_id=job.project_id).values_list("header_key", "mapping")
    return {key: mapping for key, stored in found if (mapping := Mapping.from_json(stored))}


def prepare(*, job: ImportJob, check: Callable[[], None]) -> Prepared:
    """Read every file once. ``check`` is asked between files, and raises to end it. Raises ``FileRefused``, ``SourceRefused``."""
    source = source_of(job)
    files = files_of(job, source)
    is_csv = job.format == ImportJob.Format.CSV
    notes: list[dict[str, Any]] = []
    if len(files) > 1:
        notes = [
            {"code": "skipped_format", "params": {"file": file.key}} for file in files if _other_format(file.key, is_csv=is_csv)
        ]
        files = [file for file in files if not _other_format(file.key, is_csv=is_csv)]
    total = sum(file.size for file in files)
    if total > settings.IMPORT_MAX_BYTES:
        raise FileRefused("too_large", bytes=total, limit=settings.IMPORT_MAX_BYTES)
    wishes = copying.Wishes(
        encoding=job.encoding, sheet=job.sheet, mapping=Mapping.from_json(job.mapping), remembered=remembered_mappings(job)
    )
    folder = f"imports/{job.project.public_id}/{job.public_id}-{job.epoch}"
    pieces: list[ImportPiece] = []
    headers: set[tuple[str, ...]] = set()
    bytes_total = 0
    reader = _Reader(source=source, wishes=wishes, is_csv=is_csv, folder=folder)
    for file in _read_all(files, reader, check):
        header = tuple(file.scanned.header)
        if header not in headers:
            check_room(job=job, header=file.scanned.header)
            headers.add(header)
        bytes_total += file.scanned.size
        for column in file.scanned.ignored_columns:
            notes.append({"code": "ignored_column", "params": {"file": file.info.key, "column": column}})
        for span in file.scanned.spans:
            pieces.append(
                ImportPiece(
                    job=job, number=len(pieces), file_name=file.info.key, copy_key=file.copy_key, etag=file.info.etag,
                    header=file.scanned.header, start_byte=span.start, end_byte=span.end, first_line=span.first_line,
                )
            )  # fmt: skip
    if not pieces:
        raise FileRefused("empty")
    return Prepared(pieces=pieces, notes=_few(notes), bytes_total=bytes_total)


def _few(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first notes of each kind, and how many more there are: a folder may have ten thousand files, and a page shows them all."""
    counts: collections.Counter[str] = collections.Counter()
    kept = []
    for note in notes:
        counts[note["code"]] += 1
        if counts[note["code"]] <= _NOTES:
            kept.append(note)
    return kept + [{"code": f"{code}_more", "params": {"count": n - _NOTES}} for code, n in counts.items() if n > _NOTES]


def _read_all(files: list[FileInfo], reader: _Reader, check: Callable[[], None]) -> Iterator[_File]:
    """The files in their order, some read ahead."""
    if len(files) <= 1:
        yield from map(reader.read, files)
        return
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="scan")
    try:
        ahead = [pool.submit(reader.read, file) for file in files[: 4 * _THREADS]]
        rest = iter(files[len(ahead) :])
        while ahead:
            check()
            yield ahead.pop(0).result()
            ahead.extend(pool.submit(reader.read, file) for file in itertools.islice(rest, 1))
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one file; in threads, so it asks nothing of the database."""

    source: Source
    wishes: copying.Wishes
    is_csv: bool
    folder: str

    def read(self, info: FileInfo) -> _File:
        with self.source.open(info.key, etag=info.etag) as stream:
            head = copying.head_of(stream)
            if not self.is_csv or not copying.needs_copy(head, wishes=self.wishes):
                return _File(info=info, copy_key="", scanned=self._scan(_Rejoined(head, stream), info.size))
            copy_key = self._copy(head, stream)
        with StoredSource().open(copy_key) as stream:
            return _File(info=info, copy_key=copy_key, scanned=self._scan(stream, info.size))

    def _scan(self, stream: Any, total_bytes: int) -> ScannedFile:
        return scan(stream, is_csv=self.is_csv, total_bytes=total_bytes, max_bytes=settings.IMPORT_MAX_BYTES)

    def _copy(self, head: bytes, stream: Any) -> str:
        with tempfile.SpooledTemporaryFile(max_size=_MEMORY) as out:
            copying.write_copy(head, stream, out, wishes=self.wishes)  # type: ignore[arg-type]
            out.seek(0)
            return str(default_storage.save(f"{self.folder}/copy.csv", File(out)))


class _Rejoined:
    """A stream with its beginning put back."""

    def __init__(self, head: bytes, stream: Any) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int, /) -> bytes:
        if self._head:
            block, self._head = self._head[:size], self._head[size:]
            return block
        return bytes(self._stream.read(size))


def check_room(*, job: ImportJob, header: list[str]) -> None:
    """Raises ``FileRefused`` when the project has no room for the header's attribute names."""
    names: dict[AttributeKind, set[str]] = {}
    for column in columns_of(header):
        if column.kind in _KINDS:
            names.setdefault(_KINDS[column.kind], set()).add(column.name)
    catalogue.check_room(project=job.project, names=names)


def of_format(files: list[FileInfo], *, is_csv: bool) -> list[FileInfo]:
    """Of a folder, the files that don't look like the other format by their endings; a single file is what one asked for."""
    return files if len(files) == 1 else [file for file in files if not _other_format(file.key, is_csv=is_csv)]


def _other_format(key: str, *, is_csv: bool) -> bool:
    return key.rpartition(".")[2].lower() in (_JSON if is_csv else _CSV)
