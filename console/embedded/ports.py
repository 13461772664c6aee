"""Free ports on the loopback."""

from __future__ import annotations

import socket

from console.embedded.errors import StartRefused


def free_port(first: int) -> int:
    """The first free port from ``first`` on (a hundred are tried)."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StartRefused(f"All ports from {first} to {first + 99} are taken.")


def any_port() -> int:
    """A port that is free now, another one for whoever asks at the same moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
