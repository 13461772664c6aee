"""Child processes: started, watched, started again when they die, stopped in order."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 15.0
_LIBC = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """Between fork and exec: the kernel sends SIGTERM when the supervisor dies, however it dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One process with its log in a file."""

    def __init__(self, name: str, command: list[str], *, environment: dict[str, str], log_folder: Path) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._log = log_folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths = 0
        self._not_before = 0.0

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=os.environ | self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def watch(self) -> None:
        """Start again what died, with a pause that doubles up to half a minute."""
        if self.is_alive() or time.monotonic() < self._not_before:
            return
        if self._process is not None:
            self._deaths += 1
            pause = min(30.0, 0.5 * 2 ** min(self._deaths, 6))
            print(
                f"{self.name} ended with {self._process.returncode}; it is started again ({self._log}).",
                file=sys.stderr,
                flush=True,
            )
            self._not_before = time.monotonic() + pause
        self.start()

    def terminate(self) -> None:
        if self.is_alive() and self._process:
            self._process.terminate()

    def wait(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
