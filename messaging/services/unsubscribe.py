"""An opt-out by its recipient: written at once; while the database is away, synced to a spool and written when it is back."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from analytics.hits import queue
from analytics.links import SignedHit
from analytics.models import EventKind
from endpoints.models import OptOut, OptOutEntry
from endpoints.services.opt_out import set_opt_out
from messaging.services import opt_out_journal


def take(*, hit: SignedHit, is_back: bool, source: OptOutEntry.Source, now: datetime.datetime, user_agent: str, ip: str) -> None:
    """Opt the token's endpoint out, or in again. The event of it is a consequence, and follows by the hits' road."""
    order: dict[str, Any] = {
        "project": hit.context.project_id,
        "endpoint": hit.endpoint_id,
        "opt_out": OptOut.NONE.value if is_back else OptOut.ALL.value,
        "source": source.value,
        "campaign": hit.context.campaign_id,
        "run": hit.context.run_id,
        "at": now.isoformat(),
    }
    opt_out_journal.keep(order)
    try:
        _write(order)
    except (OperationalError, InterfaceError):
        connection.close()
        _spool(order)
    if not is_back:
        queue.put_hit(kind=EventKind.EMAIL_UNSUBSCRIBE, token=hit, now=now, user_agent=user_agent, ip=ip)


def drain_spool() -> int:
    """Write what was spooled, in the order of time; returns how many."""
    files = sorted(spool_folder().glob("*.json"))
    for file in files:
        _write(json.loads(file.read_text()))
        file.unlink()
    return len(files)


def replay_after_restore() -> int:
    """Write the opt-outs again that a restored backup lacks; returns how many."""
    return opt_out_journal.replay_after_restore(_write)


def _write(order: dict[str, Any]) -> None:
    set_opt_out(
        project_id=int(order["project"]),
        endpoint_id=int(order["endpoint"]),
        opt_out=OptOut(order["opt_out"]),
        source=OptOutEntry.Source(order["source"]),
        now=datetime.datetime.fromisoformat(order["at"]),
        campaign_id=int(order["campaign"]) or None,  # 0: a message that was sent directly
        run_id=int(order["run"]) or None,
    )


def spool_folder() -> Path:
    return Path(settings.VAR_DIR) / "spool" / "opt-outs"


def _spool(order: dict[str, Any]) -> None:
    folder = spool_folder()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{uuid.uuid4().hex}"
    unfinished = folder / f".{name}"
    with unfinished.open("w") as out:
        json.dump(order, out)
        out.flush()
        os.fsync(out.fileno())
    unfinished.rename(folder / f"{name}.json")
    with contextlib.closing(_Directory(folder)) as directory:
        os.fsync(directory.fd)


class _Directory:
    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDONLY)

    def close(self) -> None:
        os.close(self.fd)
