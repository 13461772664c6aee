"""Events as Pinpoint's event stream says them (reference, section 9): one JSON object an event, in the order they are given."""

from analytics.records.shape import records_of, sent_times

__all__ = ["records_of", "sent_times"]
