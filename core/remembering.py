"""What a process remembers of its database, and forgets when a connection leads to another one.

After a restore the same ids are given out again, for other things. A process that goes on would take what it knew of the lost ones for
what is known of the new ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# The cluster, its time line and the database; and since when the server runs, because a copy of all its files changes none of these.
WHICH = """
    SELECT concat_ws('/', cluster.system_identifier, checkpoint.timeline_id, base.oid, extract(epoch FROM pg_postmaster_start_time()))
      FROM pg_control_system() cluster, pg_control_checkpoint() checkpoint, pg_database base WHERE base.datname = current_database()
"""
_forgetters: list[Callable[[], Any]] = []
_database = ""


def forgotten_by(forget: Callable[[], Any]) -> None:
    """``forget`` is called before the first statement to another database than the process's last one. Any thread may call it, also
    one that is about to read what is to be forgotten, and holds a lock for that."""
    _forgetters.append(forget)


def connected(database: str) -> None:
    """A new connection leads to this one, as ``WHICH`` says it. Of two threads at once both forget: neither goes on before all is gone."""
    global _database
    if _database not in ("", database):
        for forget in _forgetters:
            forget()
    _database = database
