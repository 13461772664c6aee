"""What stops a start: one line for the person at the keyboard."""

from __future__ import annotations


class StartRefused(Exception):
    """A server could not be started; the text is one clear line."""
