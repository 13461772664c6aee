#!/usr/bin/env python
"""Django's command line for Pabal."""

import json
import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line


def find_running() -> None:
    """Beside ``make run`` a command finds its servers by itself; what the caller has set goes before."""
    told = Path(os.environ.get("PABAL_VAR") or Path(__file__).resolve().parent / "var") / "environment.json"
    if not os.environ.get("DATABASE_URL") and told.exists():
        for name, value in json.loads(told.read_text()).items():
            os.environ.setdefault(name, value)


if __name__ == "__main__":
    find_running()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    execute_from_command_line(sys.argv)
