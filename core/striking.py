"""Striking ids out of stored sets, a few rows at a time: what erasing a person does to bitmaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

from core.audience import Audience


@dataclass(frozen=True, slots=True)
class Struck:
    """How many rows were changed, and the last id that was looked at (None: there are no more)."""

    rows: int
    after: int | None


def strike(
    *,
    queryset: models.QuerySet[Any],
    field: str,
    ids: Audience,
    after: int,
    limit: int = 20,
    lock_order: Sequence[str] = ("pk",),
) -> Struck:
    """Take ids out of the sets of the next rows by primary key, in the caller's transaction.

    ``limit`` bounds the memory (a set of ten million ids may take a megabyte) and how long rows are locked; ``lock_order`` is the
    order in which the other writers of the table lock several rows.
    """
    page = list(queryset.filter(pk__gt=after).order_by("pk").only("pk", field)[:limit])
    holding = [row.pk for row in page if getattr(row, field) is not None and getattr(row, field) & ids]
    locked = queryset.model._base_manager.select_for_update().filter(pk__in=holding).order_by(*lock_order)
    for row in locked.only("pk", field):
        queryset.model._base_manager.filter(pk=row.pk).update(**{field: getattr(row, field) - ids})
    return Struck(rows=len(holding), after=page[-1].pk if len(page) == limit else None)
