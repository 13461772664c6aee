"""The calendar of a project: what will be sent when, and what was sent."""
