"""The operations: a module for each kind of resource, each with its part of the table of all 122.

To add an operation: write its function in its resource's module (what it is given, and may raise, says ``contract``), name it there in
``TABLE``, and run ``manage.py api_reference --write``. Its tests call it over HTTP with boto3 (``tests/api/test_<resource>.py``).
"""

from __future__ import annotations

from api.operations import (
    apps,
    campaigns,
    channels,
    endpoints,
    event_stream,
    events,
    jobs,
    journeys,
    kpis,
    messages,
    phone,
    segments,
    tags,
    templates,
    unserved,
)
from api.operations.contract import Entry

GROUPS: dict[str, dict[str, Entry]] = {
    group.TITLE: group.TABLE
    for group in (
        apps, tags, endpoints, events, event_stream, segments, jobs, campaigns, messages, phone, templates, channels, kpis, journeys,
        unserved,
    )
}  # fmt: skip
TABLE: dict[str, Entry] = {name: entry for group in GROUPS.values() for name, entry in group.items()}
