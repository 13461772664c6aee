"""Which colour the label of a campaign's state has."""

from __future__ import annotations

COLOURS = {
    "DRAFT": "secondary", "PENDING_APPROVAL": "orange", "SCHEDULED": "azure", "EXECUTING": "blue", "PENDING_NEXT_RUN": "azure",
    "PAUSED": "yellow", "STOPPING": "orange", "COMPLETED": "green", "INVALID": "red",
}  # fmt: skip
