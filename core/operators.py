"""What the operators' pages (Django's admin) of all apps share: looking at everything, changing only through services."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from core.errors import Refusal

_COUNT_LIMIT = 10_000  # rows; nobody pages further, and counting tables of millions for a footer takes seconds


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts to 10,000 and no further; search and filters lead to the rest."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows[:_COUNT_LIMIT].count() if isinstance(rows, models.QuerySet) else len(rows)


class OperatorAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """A list with search and filters, and pages to read. Rows are changed by actions, which call services."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def carry_out(self, request: HttpRequest, rows: Iterable[Any], deed: Callable[[Any], object]) -> None:
        """Do something with each chosen row; say how many it was done to, and each refusal."""
        done = 0
        for row in rows:
            try:
                deed(row)
            except Refusal as refusal:
                self.message_user(request, f"{row}: {refusal.message}", messages.ERROR)
            else:
                done += 1
        if done:
            self.message_user(request, _("Done: %(done)s.") % {"done": done}, messages.SUCCESS)
