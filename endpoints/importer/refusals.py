"""Every reason for which a file or a line is not taken: a code, parameters, and a sentence in both languages."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import Refusal

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

# Lines: counted, shown and kept; the rest of the file goes on.
LINE_SENTENCES: dict[str, Any] = {
    "columns": _("The line has %(found)s of %(expected)s columns."),
    "stray_quote": _("A quotation mark stands where none may. Write it doubled, inside quotation marks."),
    "line_break": _("A value holds a line break. Pinpoint's format does not allow it."),
    "nul": _("The line holds a NUL character."),
    "too_big": _("The line is larger than 15 KB, the limit of one endpoint."),
    "json": _("The line is not a JSON object: %(reason)s."),
    "json_member": _("“%(member)s” is not a member of an endpoint. Did you mean “%(nearest)s”?"),
    "json_member_alone": _("“%(member)s” is not a member of an endpoint."),
    "json_type": _("“%(member)s” must be %(expected)s."),
    "id": _("An Id must not contain $, { or }."),
    "id_long": _("An Id has 512 characters at most."),
    "address_missing": _("A new endpoint needs an Address."),
    "address_email": _("“%(value)s” is not an e-mail address (name@example.com, nothing else)."),
    "address_phone": _("“%(value)s” is not a telephone number in E.164 form (+821012345678)."),
    "address_long": _("An address has 1,024 characters at most."),
    "channel_missing": _("A new endpoint needs a ChannelType."),
    "channel": _("“%(value)s” is not a channel type."),
    "opt_out": _("OptOut is ALL or NONE, not “%(value)s”."),
    "country": _("“%(value)s” is not a country code of two letters (ISO 3166-1, such as KR)."),
    "latitude": _("A latitude is a number between -90 and 90, not “%(value)s”."),
    "longitude": _("A longitude is a number between -180 and 180, not “%(value)s”."),
    "metric": _("A metric is a number, not “%(value)s”."),
    "value_long": _("A value has 100 characters at most; this one has %(length)s."),
    "values_many": _("An attribute has 50 values at most; this one has %(count)s."),
    "name_long": _("An attribute name has 50 characters at most."),
    "text_long": _("The value has %(length)s characters; 100 is the limit."),
    "user_long": _("A UserId has 512 characters at most."),
    "user_unknown": _("The user “%(value)s” has no endpoint yet, so there is nobody to reach."),
    "endpoint_unknown": _("There is no such endpoint, and this import registers none."),
    "erased": _("The line was erased with its person."),
    "key_missing": _("The line has neither Id nor Address nor User.UserId."),
}


class FileRefused(Refusal):
    """A file that can't be imported; nothing of it was written."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(sentence(code, params))
        self.code = code
        self.params = params


class LineRefused(Exception):
    """A line that is not taken. ``column`` is the header's name (or the member's path), or empty."""

    def __init__(self, code: str, column: str = "", **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.column = column
        self.params = params


def sentence(code: str, params: dict[str, Any]) -> str:
    """The sentence of a code in the present language."""
    template = FILE_SENTENCES.get(code) or LINE_SENTENCES.get(code)
    return str(template) % params if template else code
