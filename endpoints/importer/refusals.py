"""Every reason for which a file or a line is not taken: a code, parameters, and a sentence in both languages."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import Refusal
from endpoints.writing.refusals import SENTENCES

# Files: the whole file is refused, before anything is written.
FILE_SENTENCES: dict[str, Any] = {
    "compressed": _("Compressed files can't be imported (this one looks like %(kind)s). Unpack it first."),
    "not_utf8": _("The file is not UTF-8, at byte %(byte)s of line %(line)s. Save it as UTF-8 and import it again."),
    "cp949": _(
        "The file is not UTF-8, at byte %(byte)s of line %(line)s; it looks like CP949 (EUC-KR), which Korean Excel writes. "
        "In Excel choose Save as → CSV UTF-8 (comma delimited), then import it again."
    ),
    "utf16": _("The file is UTF-16, not UTF-8. Save it as UTF-8 and import it again."),
    "unknown_column": _("The column “%(column)s” is not one of Pinpoint's. Did you mean “%(nearest)s”?"),
    "unknown_column_alone": _(
        "The column “%(column)s” is not one of Pinpoint's. Attributes are called Attributes.name or User.UserAttributes.name."
    ),
    "attribute_name_long": _("The attribute name in the column “%(column)s” has %(length)s characters; 50 is the limit."),
    "attribute_name_empty": _("The column “%(column)s” has no attribute name after the dot."),
    "repeated_column": _("The column “%(column)s” stands in the header twice. Only attribute columns may be repeated."),
    "no_key_column": _("The header has neither Id nor Address nor User.UserId, so no line could be told from another."),
    "too_many_attributes": _("With this file the project would have %(total)s attribute names; %(limit)s is the limit."),
    "empty": _("There is nothing to import: the file is empty or holds a header alone."),
    "open_quote": _("The quotation mark that opens on line %(line)s is never closed; it would swallow every later line."),
    "looks_like_json": _("The file looks like JSON lines. Choose the format “JSON lines” and import it again."),
    "looks_like_csv": _("The file looks like CSV. Choose the format “CSV” and import it again."),
    "too_large": _("The file has %(bytes)s bytes; %(limit)s is the limit of one import."),
}


class FileRefused(Refusal):
    """A file that can't be imported; nothing of it was written."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(sentence(code, params))
        self.code = code
        self.params = params


def sentence(code: str, params: dict[str, Any]) -> str:
    """The sentence of a code in the present language."""
    template = FILE_SENTENCES.get(code) or SENTENCES.get(code)
    return str(template) % params if template else code
