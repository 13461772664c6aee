"""Each opt-out of a recipient, kept in a file beside the database: a restored backup knows nothing of those that came after it.

One line of JSON each, ids only, a file a day, synced. After a restore a tick writes those again that the backup lacks.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from projects.models import Installation

_KEPT = datetime.timedelta(days=100)  # older than any backup that somebody would still restore
_SLACK = datetime.timedelta(minutes=5)  # between the clocks of this machine and of the one that noted the backup's time

_log = logging.getLogger(__name__)


def folder() -> Path:
    return Path(settings.VAR_DIR) / "opt-outs"


def keep(order: dict[str, Any]) -> None:
    """Add an order; its ``at`` says which day's. Never fails: the database is where it counts."""
    path = folder() / f"{order['at'][:10]}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as out:
            out.write(json.dumps(order) + "\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        _log.error("an opt-out could not be added to %s: %s", path, error)


def replay_after_restore(write: Callable[[dict[str, Any]], None]) -> int:
    """Write what this machine's files have since the backup, once for each restore; returns how many. Killed, it is done again."""
    installation = Installation.objects.filter(restored_at__isnull=False).first()
    if installation is None or installation.restored_from is None or installation.restored_at is None:
        return 0
    mark = folder() / "replayed"
    stamp = installation.restored_at.isoformat()
    if not folder().is_dir() or (mark.exists() and mark.read_text() == stamp):
        return 0
    count = 0
    for order in _since(installation.restored_from - _SLACK):
        write(order)
        count += 1
    mark.write_text(stamp)
    _log.warning("%s opt-outs since the backup of %s were written again", count, installation.restored_from)
    return count


def drop_old(*, now: datetime.datetime) -> None:
    """Take away what no backup could lack any more."""
    for path in folder().glob("*.jsonl"):
        if path.stem < (now - _KEPT).date().isoformat():
            path.unlink(missing_ok=True)


def _since(at: datetime.datetime) -> Iterator[dict[str, Any]]:
    for path in sorted(folder().glob("*.jsonl")):
        if path.stem < at.date().isoformat():
            continue
        for line in path.read_text().splitlines():
            try:
                order = json.loads(line)
            except ValueError:
                continue  # cut off by a power failure; it was not acknowledged
            if datetime.datetime.fromisoformat(order["at"]) >= at:
                yield order
