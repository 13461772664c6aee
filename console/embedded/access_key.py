"""``make access-key``: an access key of the account for what ``make run`` started in this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from console.embedded import servers
from console.embedded.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    folder = Path(os.environ.get("PABAL_VAR", str(ROOT / "var")))
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "console.settings", "PABAL_VAR": str(folder)}
    if not (folder / "secrets.json").exists():
        print(f"Nothing was ever started in {folder}: make run first.", file=sys.stderr)
        return 1
    kept = servers.kept_secrets(folder)
    environment |= {name: os.environ.get(name, kept[name]) for name in ("SECRET_KEY", "SECRETS_KEY")}
    environment.setdefault("DATABASE_URL", Postgres(folder / "postgres").url)
    command = [sys.executable, "manage.py", "create_access_key", "--account", "--json", "--name", "make access-key"]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
