"""Where the files of an import come from: S3, or the console's own storage."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext_lazy as _

from core.errors import Refusal

SENTENCES: dict[str, Any] = {
    "NoSuchBucket": _("The bucket “%(bucket)s” does not exist, or the connection belongs to another account."),
    "NoSuchKey": _("There is no file “%(key)s” in the bucket “%(bucket)s”."),
    "vanished": _(
        "The file “%(key)s” is gone from the bucket “%(bucket)s” since the import began. Put it back and import it again."
    ),
    "AccessDenied": _(
        "The bucket “%(bucket)s” denies access. The connection's key or role needs s3:ListBucket and s3:GetObject there."
    ),
    "InvalidAccessKeyId": _("S3 does not know the connection's access key id. Check the connection."),
    "SignatureDoesNotMatch": _("S3 refused the connection's secret access key. Enter it anew in the connection."),
    "PreconditionFailed": _("The file “%(key)s” was changed while it was being read. Import it again."),
    "expired": _("The connection's credentials have expired. Enter new keys, or use a role, which renews them by itself."),
    "wrong_region": _("The bucket “%(bucket)s” is in another region (%(region)s). Change the connection's region."),
    "role_denied": _(
        "The role “%(role)s” can't be assumed. Its trust policy must allow sts:AssumeRole with the external id %(external_id)s."
    ),
    "no_connection": _("The connection of this import was deleted. Begin a new import with another connection."),
    "no_credentials": _(
        "The server has no AWS credentials of its own with which to assume the role. Add keys to the connection."
    ),
    "unreachable": _("S3 can't be reached at %(endpoint)s. Check the connection's endpoint URL and region."),
    "interrupted": _("S3 broke off while “%(key)s” was being read. Import it again."),
    "empty_prefix": _("There are no files under “%(key)s” in the bucket “%(bucket)s”."),
    "too_many_files": _("There are %(count)s files under “%(key)s”; %(limit)s is the limit of one import."),
    "bad_url": _("“%(url)s” is not an S3 address. It looks like s3://bucket/folder/file.csv."),
    "not_encoding": _(
        "The file is not %(encoding)s, at byte %(byte)s of line %(line)s. Choose its encoding and import it again."
    ),
    "no_sheet": _("The workbook has no sheet “%(sheet)s”. It has: %(sheets)s."),
    "broken_workbook": _("The workbook can't be read (%(reason)s). Open it in Excel, save it anew and import it again."),
    "gave_up": _("A piece of “%(key)s” could not be imported in %(attempts)s attempts. The operator's log says why."),
    "not_defined": _("Choose whether to keep the endpoints, to make a segment, or both."),
    "segment_gone": _("The segment that this import was to change was deleted. Import the files into a new segment."),
    "gone": _("The uploaded file is no longer kept. Upload it again."),
    "other": _("S3 answered: %(reason)s"),
}


class SourceRefused(Refusal):
    """The file is not given (or taken); the sentence says why and what to do."""

    def __init__(self, code: str, **params: Any) -> None:
        self.code = code
        self.params = params
        super().__init__(sentence(code, params))


def sentence(code: str, params: dict[str, Any]) -> str:
    template = SENTENCES.get(code)
    return str(template) % params if template else code


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One file: its key, ETag (empty where there is none) and size in bytes."""

    key: str
    etag: str
    size: int


class Source(Protocol):
    """Something that has files."""

    def open(self, key: str, *, etag: str, start: int = 0, end: int | None = None) -> AbstractContextManager[Any]:
        """A stream over bytes ``start`` … ``end`` (exclusive), if the file still has this ETag. Raises ``SourceRefused``."""
