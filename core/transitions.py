"""Changing a row's state by a table of allowed states, with one conditional UPDATE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from core.errors import Refusal


class TransitionRefused(Refusal):
    """The row is not, or no longer, in a state from which this step is allowed."""


def transition(
    *,
    queryset: models.QuerySet[Any],
    table: Mapping[str, frozenset[str]],
    to: str,
    refusal: object,
    field: str = "state",
    **changes: object,
) -> None:
    """Move the queryset's one row to state ``to`` if ``table[to]`` holds its present state, setting ``changes`` with it.

    Raises ``TransitionRefused(refusal)`` when no row was in an allowed state; two that try at once: one wins.
    """
    allowed = queryset.filter(**{f"{field}__in": table[to]})
    if allowed.update(**{field: to}, **changes) != 1:
        raise TransitionRefused(refusal)
