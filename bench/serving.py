"""Waiting for a web server that was just started."""

from __future__ import annotations

import time
import urllib.error
import urllib.request


def until_it_answers(address: str) -> None:
    """Whatever it answers. Raises ``RuntimeError`` when it does not within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the web server does not answer")
