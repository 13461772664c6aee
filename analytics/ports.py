"""What the floors above tell about the ids that events carry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.events import EventRow
from core.ports import Port


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """``document``: the endpoint as Pinpoint's EndpointResponse, as it is now."""

    public_id: str
    address: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run sent. ``source_id`` and ``activity_id`` are the public ids of the campaign (or journey) and of the run.

    ``subject_of`` renders the subject for an endpoint's document; ``domain`` is that of its Message-IDs.
    """

    source_id: str
    activity_id: str
    channel: str  # EMAIL, CUSTOM, …
    from_address: str = ""
    from_header: str = ""
    domain: str = ""
    subject_of: Callable[[Mapping[str, Any]], str] = lambda _document: ""


# (project id, endpoint ids) → what is known of those that still exist. Endpoints register.
endpoint_facts: Port[[int, Collection[int]], dict[int, EndpointFacts]] = Port("endpoint_facts")
# (project id, endpoint ids) → the public ids of those that still exist. Endpoints register.
endpoint_names: Port[[int, Collection[int]], dict[int, str]] = Port("endpoint_names")
# (project id, run ids) → what is known of them. Campaigns (and journeys) register.
run_facts: Port[[int, Collection[int]], dict[int, RunFacts]] = Port("run_facts")


@dataclass(frozen=True, slots=True)
class RunSource:
    """Whose run it is, as events say it."""

    source_kind: int
    source_id: int
    run_id: int
    treatment: int


# (project id, public ids of runs) → the runs of the project that have one of them. Campaigns (and journeys) register.
run_sources: Port[[int, Collection[str]], dict[str, RunSource]] = Port("run_sources")
# What people did (hits, apps, web pages) was written just now, in the transaction that is open. Whoever starts something registers.
events_written: Port[[Sequence[EventRow]], None] = Port("events_written")
# Parts of ``docs/metrics.md`` about numbers of the floors above, made from their declarations.
metric_documents: Port[[], str] = Port("metric_documents")
# (project id, kind of source, ids, whether they are runs) → the public ids of those campaigns or journeys, or of those runs.
public_ids: Port[[int, int, Collection[int], bool], dict[int, str]] = Port("public_ids")
