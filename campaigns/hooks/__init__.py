"""Code of others that a campaign asks before a message is sent: a FILTER hook (docs/adr/0017-hooks.md; reference, section 6.4)."""
