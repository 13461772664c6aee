"""Two runs of the tests in one folder: the second is told, and leaves the first one's servers alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from console.embedded.errors import StartRefused
from console.embedded.testing import alone
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_second_run_in_a_folder_is_refused_with_who_holds_it(tmp_path: Path) -> None:
    first = alone(tmp_path)

    with pytest.raises(StartRefused, match=rf"in use by a run that goes on \(process {os.getpid()}\)"):
        alone(tmp_path)

    first.close()
    alone(tmp_path).close()


def test_a_run_that_was_killed_holds_nothing_though_a_server_of_its_lives_on(tmp_path: Path) -> None:
    held = "import subprocess, sys, time; from pathlib import Path; from console.embedded.testing import alone\n"
    held += f"lock = alone(Path({str(tmp_path)!r})); server = subprocess.Popen(['sleep', '60'])\n"
    held += f"Path({str(tmp_path / 'server')!r}).write_text(str(server.pid)); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", held], cwd=ROOT)
    server = tmp_path / "server"
    wait_until(lambda: server.exists() and bool(server.read_text()))
    try:
        with pytest.raises(StartRefused, match=f"process {process.pid}"):
            alone(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()

        alone(tmp_path).close()
    finally:
        os.kill(int(server.read_text()), signal.SIGKILL)
