"""What segments ask of higher floors."""

from __future__ import annotations

from core.ports import Port

# (project_id, segment's public id) → the names of what uses the segment, as its owner calls it. Campaigns register.
segment_users: Port[[int, str], list[str]] = Port("segment_users")
