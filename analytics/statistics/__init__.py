"""Numbers over time, for pictures: from counters and sets, and for funnels from the times of events."""
