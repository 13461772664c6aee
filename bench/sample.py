"""Sample files of any size, made by the generator that made the test data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_GENERATOR = Path(__file__).resolve().parent.parent / "tests" / "data" / "generate.py"


def members_csv(*, rows: int, folder: Path) -> Path:
    """A members CSV with this many rows; made once, then kept."""
    path = folder / f"members-{rows}.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name("unfinished-" + path.name)  # the generator tells CSV from JSON by the ending
        subprocess.run([sys.executable, str(_GENERATOR), str(rows), str(unfinished)], check=True)
        unfinished.rename(path)
    return path
