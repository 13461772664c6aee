"""What segments ask of higher floors."""

from __future__ import annotations

from core.ports import Port

# (project_id, segment's public id) → the names of what uses the segment, as its owner calls it. Campaigns register.
segment_users: Port[[int, str], list[str]] = Port("segment_users")

# (project_id, public ids) → those that are campaigns of the project, with the number by which events know them.
campaign_ids: Port[[int, list[str]], dict[str, int]] = Port("campaign_ids")

# (project_id) → (public id, name) of the campaigns that a filter may name, newest first.
campaign_choices: Port[[int], list[tuple[str, str]]] = Port("campaign_choices")
