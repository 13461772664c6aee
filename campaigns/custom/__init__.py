"""The custom channel: endpoints are given to a program of the user's own, fifty a call (ADR 20)."""
