"""Memory: of this process, and of everything that a measurement runs on."""

from __future__ import annotations

import os
import resource
import threading
from pathlib import Path
from types import TracebackType


def peak_megabytes() -> float:
    """The most that this process has ever held (resident)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Watch:
    """While it is open: the most that this process, its children and the servers (PostgreSQL, Valkey) held together.

    Proportional sizes (PSS), so that memory which processes share counts once; sampled every half second.
    """

    _SERVERS = ("postgres", "valkey-server")

    def __init__(self) -> None:
        self.peak = 0.0  # megabytes
        self.own = 0.0  # of this process alone
        self.python = 0.0  # of the Python processes that this one started
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(0.5):
            self.own = max(self.own, _pss(os.getpid()))
            sizes = {pid: _pss(pid) for pid in self._processes()}
            self.peak = max(self.peak, sum(sizes.values()))
            started = [size for pid, size in sizes.items() if pid != os.getpid() and _name(pid).startswith("python")]
            self.python = max(self.python, sum(started))

    def _processes(self) -> list[int]:
        parents, names = {}, {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    stat = (folder / "stat").read_text()
                except OSError:
                    continue  # it ended
                name, _, rest = stat.partition("(")[2].rpartition(")")
                parents[int(folder.name)] = int(rest.split()[1])
                names[int(folder.name)] = name
        mine = {os.getpid()}
        for _generation in range(5):
            mine |= {pid for pid, parent in parents.items() if parent in mine}
        return [pid for pid in parents if pid in mine or names[pid].startswith(self._SERVERS)]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""  # it ended


def _pss(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0  # it ended, or is somebody else's
    return 0.0
