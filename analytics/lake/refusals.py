"""Why a query is not answered, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from core.errors import Refusal

SENTENCES: dict[str, Any] = {
    "characters": _("A query has at most %(limit)s characters."),
    "files": _("Files of the lake are missing. Ask the operator of this installation to run “manage.py lake rebuild”."),
    "busy": _("Other queries are being answered. Try again in some seconds."),
    "seconds": _("The query was stopped after %(seconds)s seconds. Ask about fewer days, or a view instead of all_events."),
    "large": _("The answer is too large. Ask for fewer columns, or shorter texts."),
    "broken_off": _("The query was broken off: it needs more than a query may use. Ask for less at a time."),
    "not_select": _("One SELECT at a time is answered here, and nothing else: the events can't be changed."),
    "parameters": _("Give a value for: %(names)s"),
    "column": _("The result has none of these columns: %(names)s"),
    "memory": _("The query needs more memory than the %(memory)s MB that it may use. Ask for fewer columns, or group them."),
    "sql": _("The query could not be answered."),
    "rows": _("The query gives more than %(limit)s rows at a time. Group them, or choose shorter parts of time."),
    "column_name": _("Give the column “%(name)s” a name of letters, digits and _, with AS."),
    "column_taken": _("A column can't be called “%(name)s”: that one is added to each table. Give it another name, with AS."),
    "span_only": _("A transform knows :from and :to, the ends of the part of time that it is asked about, and not: %(names)s"),
    "no_span": _("What is asked all at once knows no :from and :to, nor other values: %(names)s"),
    "columns_changed": _("The query gives other columns than when it was saved. Save it again."),
    "erased": _("The SQL was erased because it named a person who was. Write it anew."),
    "columns": _("A table has at most %(limit)s columns."),
}  # fmt: skip


class SqlRefused(Refusal):
    """A query that was not answered. ``detail``: what DuckDB says of it, with the line and the place."""

    def __init__(self, code: str, detail: str = "", **params: str) -> None:
        super().__init__(sentence(code, params))
        self.code, self.detail, self.params = code, detail, params


def sentence(code: str, params: Mapping[str, Any]) -> str:
    """The refusal as it is read now, in the reader's language."""
    return str(SENTENCES.get(code, SENTENCES["sql"])) % params


def of_child(code: str, text: str) -> SqlRefused:
    """The refusal that the process gave."""
    match code:
        case "parameters" | "column":
            return SqlRefused(code, names=text)
        case "column_name" | "column_taken":
            return SqlRefused(code, name=text)
        case "rows" | "columns":
            return SqlRefused(code, limit=text)
        case "memory":
            return SqlRefused(code, memory=f"{settings.SQL_MEMORY_BYTES >> 20:,}")
    return SqlRefused(code, text)
