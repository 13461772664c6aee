"""``python -m tests.console.small_supervisor FOLDER``: the supervisor of ``make run`` with PostgreSQL and one slow worker only."""

from __future__ import annotations

import sys
from pathlib import Path

from console.embedded import supervisor
from console.embedded.postgres import Postgres

_SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20"}
# A worker that ends when the file is there: a worker finishes its batch before it stops.
_SLOW = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
def finish(*_signal):
    (folder / "asked").touch()
    while not (folder / "finish").exists():
        time.sleep(0.01)
    sys.exit()
signal.signal(signal.SIGTERM, finish)
(folder / "works").touch()
while True:
    time.sleep(0.05)
"""


class SmallSupervisor(supervisor.Supervisor):
    def start(self) -> None:
        self._postgres = Postgres(self._folder / "postgres", settings=_SETTINGS)
        self._postgres.start()
        self._add("worker", [sys.executable, "-c", _SLOW, str(self._folder)])
        self.note("http://127.0.0.1:1")
        print(f"Up: {self._postgres.url}", flush=True)


if __name__ == "__main__":
    sys.exit(supervisor.run(SmallSupervisor(Path(sys.argv[1]))))
