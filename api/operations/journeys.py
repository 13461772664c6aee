"""Journeys (reference, section 7), which Pabal does not have yet."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Journeys"
_LATER = Unserved("journeys are not part of Pabal yet. Campaigns are.")

TABLE: dict[str, Entry] = {
    "CreateJourney": _LATER,
    "GetJourney": _LATER,
    "ListJourneys": _LATER,
    "UpdateJourney": _LATER,
    "UpdateJourneyState": _LATER,
    "DeleteJourney": _LATER,
    "GetJourneyRuns": _LATER,
    "GetJourneyDateRangeKpi": _LATER,
    "GetJourneyExecutionMetrics": _LATER,
    "GetJourneyExecutionActivityMetrics": _LATER,
    "GetJourneyRunExecutionMetrics": _LATER,
    "GetJourneyRunExecutionActivityMetrics": _LATER,
}
