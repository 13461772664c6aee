"""``make check``: format, lint, types, floors, migrations, translations, templates. All are run; all that fail are shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
STEPS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "floors": ["lint-imports"],
    "migrations": [sys.executable, "-W", "ignore::RuntimeWarning", "manage.py", "makemigrations", "--check", "--dry-run"],
    "translations": [sys.executable, "manage.py", "translations", "check"],
    "settings": [sys.executable, "manage.py", "check"],
}


def main() -> int:
    failed = []
    for name, command in STEPS.items():
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"LOG_LEVEL": "ERROR"})
        print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {name}", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout + done.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
