"""What segments ask of higher floors."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from dataclasses import dataclass

from core.ports import Port
from projects.models import User


@dataclass(frozen=True, slots=True)
class SegmentPin:
    """A segment by its public id, in one version or (None) in any."""

    segment_id: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class SegmentUser:
    """What a higher floor has that uses a segment. ``ends``: deleting the segment deletes it; otherwise it stays, without a segment."""

    key: str
    name: str
    kind: str
    state: str
    url: str
    ends: bool


# (project_id, pins) → what uses one of them, oldest first. Campaigns register.
segment_users: Port[[int, Collection[SegmentPin]], list[SegmentUser]] = Port("segment_users")

# (project_id, pins, keys of what may end, actor, now): delete those of them that use one of the pins. Called before the segment is locked.
end_segment_users: Port[[int, Collection[SegmentPin], Collection[str], User | None, datetime.datetime], None] = Port(
    "end_segment_users"
)

# (project_id, public ids) → those that are campaigns of the project, with the number by which events know them.
campaign_ids: Port[[int, list[str]], dict[str, int]] = Port("campaign_ids")

# (project_id) → (public id, name) of the campaigns that a filter may name, newest first.
campaign_choices: Port[[int], list[tuple[str, str]]] = Port("campaign_choices")

# (project_id, public ids) → public id and name of those that are campaigns of the project, deleted ones too.
campaign_names: Port[[int, Collection[str]], dict[str, str]] = Port("campaign_names")


@dataclass(frozen=True, slots=True)
class CampaignLink:
    """A counted link of a campaign's message: its number, its target as it is written.

    ``treatment`` where each treatment has a message of its own, and numbers its own links; ``name`` is that treatment's.
    """

    number: int
    address: str
    treatment: int | None = None
    name: str = ""


# (project_id, public ids) → public id and the links of its message (or messages), in the order of their numbers.
campaign_links: Port[[int, Collection[str]], dict[str, list[CampaignLink]]] = Port("campaign_links")
