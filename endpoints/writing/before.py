"""Rows as they stood before they were changed, so that they can be put back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Before:
    """Documents fit for JSON. ``written_at`` is the ``updated_at`` that the change gave the row: whoever finds another knows that
    somebody has written it since."""

    endpoints: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
