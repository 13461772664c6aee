"""What segments asks of whoever uses them."""

from __future__ import annotations

from core.ports import Port

# (project id, public id of a segment) → names of what uses it
segment_users: Port[[int, str], list[str]] = Port("segment users")
