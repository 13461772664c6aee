"""Webhooks: a project's own programs are told of events of the types they chose (docs/adr/0025-webhooks.md)."""
