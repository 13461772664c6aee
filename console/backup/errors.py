"""What stops a backup or a restore."""

from __future__ import annotations


class BackupRefused(Exception):
    """Nothing was done, or what was done does not count; the text says what to do."""
