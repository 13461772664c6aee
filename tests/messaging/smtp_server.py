"""A real SMTP server on loopback that does as the test says, one line of script for each message."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Sequence


class ScriptedServer:
    """Answers each message by the next word of its script: ok, 450, 550 (to RCPT), 552 (to the body), drop_envelope, drop_body
    (closes when the body is there, without a reply). After the script's end everything is ok."""

    def __init__(
        self, script: Sequence[str] = (), *, pipelining: bool = True, seconds_each: float = 0.0, most_sessions: int = 1_000
    ) -> None:
        self._script = list(script)
        self._seconds_each = seconds_each  # how long it takes over each body
        self._pipelining = pipelining
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._most_sessions = most_sessions
        self.sessions = self.refused_sessions = 0  # so far
        self.bodies: list[tuple[str, bytes]] = []  # (recipient, body) of every body that arrived whole
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept, which else would take one more
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each reply waits 40 ms for the last one's ACK
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        # A client that was killed resets the connection.
        with contextlib.suppress(ConnectionError), connection, connection.makefile("rb") as lines:
            say = lambda text: connection.sendall(text.encode() + b"\r\n")  # noqa: E731
            if self.sessions >= self._most_sessions:
                self.refused_sessions += 1
                say("421 4.7.0 too many connections")
                return
            self.sessions += 1
            say("220 test")
            recipient, act = "", "ok"
            for line in lines:
                word = line.strip().upper()
                if word.startswith(b"EHLO"):
                    say("250-test\r\n250 PIPELINING" if self._pipelining else "250 test")
                elif word.startswith(b"MAIL"):
                    act = self._script.pop(0) if self._script else "ok"
                    if act == "drop_envelope":
                        return
                    say("250 ok")
                elif word.startswith(b"RCPT"):
                    recipient = line.strip().decode().partition("<")[2].rstrip(">")
                    say({"450": "450 4.2.0 later", "550": "550 5.1.1 nobody"}.get(act, "250 ok"))
                elif word == b"DATA":
                    if act in ("450", "550"):
                        say("503 5.5.1 no recipients")
                        continue
                    say("354 go on")
                    body = b""
                    for part in lines:
                        if part == b".\r\n":
                            break
                        body += part[1:] if part.startswith(b".") else part
                    else:
                        return  # cut off: never accepted
                    time.sleep(self._seconds_each)
                    self.bodies.append((recipient, body))
                    if act == "drop_body":
                        return
                    say("552 5.3.4 too big" if act == "552" else "250 2.0.0 taken")
                elif word == b"QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")
