"""Sample files of any size, made by the generator that made the test data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_GENERATOR = Path(__file__).resolve().parent.parent / "tests" / "data" / "generate.py"


def members_csv(*, rows: int, folder: Path) -> Path:
    """A members CSV with this many rows; made once, then kept."""
    return members(rows=rows, folder=folder)


def members(*, rows: int, folder: Path, ending: str = "csv", per_user: int = 1, stores: int = 0) -> Path:
    """A members file with this many rows; made once, then kept."""
    path = folder / f"members-{rows}-{per_user}-{stores}.{ending}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name("unfinished-" + path.name)  # the generator tells CSV from JSON by the ending
        shape = ["--endpoints-per-user", str(per_user), "--stores", str(stores)]
        subprocess.run([sys.executable, str(_GENERATOR), str(rows), str(unfinished), *shape], check=True)
        unfinished.rename(path)
    return path


def one_in_ten_changed(file: Path) -> Path:
    """The same CSV file, with another sign-up instant on every tenth line."""
    path = file.with_name("changed-" + file.name)
    if not path.exists():
        unfinished = path.with_name("unfinished-" + path.name)
        with file.open(encoding="utf-8") as lines, unfinished.open("w", encoding="utf-8") as out:
            for number, line in enumerate(lines):
                out.write(line.replace("T00:00:00Z", "T09:00:00Z", 1) if number and number % 10 == 0 else line)
        unfinished.rename(path)
    return path
