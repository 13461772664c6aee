"""One SMTP session: opened with patience, then driven without blocking, one message's envelope behind another one's body (RFC 2920).

A message is *open* while its envelope is out, and *sent* once its body is. A session that is lost leaves its sent message UNKNOWN;
its open one was not begun.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from messaging.delivery.transport import Delivery, DeliveryStatus, OutgoingMessage
from messaging.rendering.mime import ascii_address

REPLY_LIMIT = 500  # characters kept of a server's words
REPLY_SECONDS = 120.0  # a server may think long after a body (RFC 5321 allows ten minutes)
_CONNECT_SECONDS = 10.0
_LINE_LIMIT = 65_536  # bytes of replies that may wait without a line end
_STUFFING = re.compile(rb"^\.", re.MULTILINE)
_DATA = b"DATA\r\n"


@dataclass(frozen=True, slots=True)
class Server:
    """``connections``: how many one transport may hold at once. ``address``: where to connect, if the host was looked up already;
    TLS asks for the host's name all the same."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    starttls: bool = False
    implicit_tls: bool = False
    connections: int = 20
    address: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    code: int
    text: str

    @property
    def is_good(self) -> bool:
        return 200 <= self.code < 400


class Lost(Exception):
    """The connection is gone, or the server speaks nonsense."""


@dataclass(slots=True)
class Work:
    """A message of a batch: its place there, and in how many sessions its envelope was lost."""

    place: int
    message: OutgoingMessage
    losses: int = 0


class Session:
    """Greeted, secured, logged in. ``take`` gives the next message or None; ``seal`` is told how one ended."""

    def __init__(self, server: Server) -> None:
        where = (server.address or server.host, server.port)
        self._socket: socket.socket = socket.create_connection(where, timeout=_CONNECT_SECONDS)
        self._buffer = b""
        self._out = b""
        self._lines: list[str] = []  # of a reply that is not complete
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._begin(server)
        except BaseException:
            self._socket.close()
            raise
        self.sealed = 0  # since it was opened
        self.sent: Work | None = None
        self.open: Work | None = None
        self._step = 0  # which command's reply comes next
        self._refusal: Reply | None = None
        self._ignored = 0  # replies that say nothing: to RSET, or to the end of a body that was not wanted
        self._take: Callable[[], Work | None] = lambda: None
        self._seal: Callable[[Work, Delivery], None] = lambda _work, _delivery: None

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def wants_to_write(self) -> bool:
        return bool(self._out)

    @property
    def is_idle(self) -> bool:
        return self.open is None and self.sent is None and not self._ignored

    # Opening: one question at a time.

    def _begin(self, server: Server) -> None:
        if server.implicit_tls:
            self._secure(server.host)
        self._expect(self._answer())
        extensions = self._hello()
        if server.starttls:
            self._expect(self._ask(b"STARTTLS\r\n"))
            self._buffer = b""  # what came before the handshake is nobody's word
            self._secure(server.host)
            extensions = self._hello()
        if server.user:
            token = base64.b64encode(f"\0{server.user}\0{server.password}".encode())
            self._expect(self._ask(b"AUTH PLAIN " + token + b"\r\n"))
        self._is_pipelining = "PIPELINING" in extensions
        self._socket.settimeout(0)

    def _secure(self, host: str) -> None:
        self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=host)

    def _hello(self) -> set[str]:
        reply = self._ask(b"EHLO " + _own_name() + b"\r\n")
        if not reply.is_good:
            reply = self._ask(b"HELO localhost\r\n")
        self._expect(reply)
        return {line.split(" ")[0].upper() for line in reply.text.split("\n")}

    @staticmethod
    def _expect(reply: Reply) -> None:
        if not reply.is_good:
            raise Lost(f"{reply.code} {reply.text}")

    def _ask(self, command: bytes) -> Reply:
        self._socket.sendall(command)
        return self._answer()

    def _answer(self) -> Reply:
        while True:
            reply = self._next_reply()
            if reply is not None:
                return reply
            block = self._socket.recv(65_536)
            if not block:
                raise Lost("the server closed the connection")
            self._buffer += block

    # Sending: whatever comes is answered at once.

    def join(self, *, take: Callable[[], Work | None], seal: Callable[[Work, Delivery], None]) -> None:
        """Work for a batch; the session must be idle. Raises ``Lost``."""
        self._take, self._seal = take, seal
        self._follow(b"")

    def is_stale(self) -> bool:
        """Whether an idle session was closed by the server, or told something unasked (421)."""
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        return True

    def write(self, data: bytes = b"") -> None:
        """Send it, or keep what the socket does not take now. Raises ``Lost``."""
        self._out = self._out + data if self._out else data
        try:
            while self._out:
                self._out = self._out[self._socket.send(self._out) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return
        except OSError as error:
            raise Lost(str(error)) from error

    def read(self) -> None:
        """Take what has come and go on with it. Raises ``Lost``."""
        while True:
            try:
                block = self._socket.recv(65_536)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                raise Lost(str(error) or "timed out") from error
            if not block:
                raise Lost("the server closed the connection")
            self._buffer += block
            while (reply := self._next_reply()) is not None:
                self._take_reply(reply)
            if len(self._buffer) > _LINE_LIMIT:
                raise Lost("a reply without end")
            if len(block) < 65_536 and not isinstance(self._socket, ssl.SSLSocket):  # TLS may hold more than it shows
                return

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.settimeout(1)
            self._socket.sendall(b"QUIT\r\n")
        self._socket.close()

    def _next_reply(self) -> Reply | None:
        while True:
            line, end, rest = self._buffer.partition(b"\n")
            if not end:
                return None
            self._buffer = rest
            if not line[:3].isdigit() or len(line) < 3:
                raise Lost(f"not a reply: {line[:80]!r}")
            text = line[4:].rstrip(b"\r").decode("utf-8", "replace")
            if line[3:4] == b"-":
                self._lines.append(text)
                continue
            if self._lines:
                text = "\n".join([*self._lines, text])
                self._lines = []
            return Reply(int(line[:3]), text)

    def _take_reply(self, reply: Reply) -> None:
        if self.sent is not None:
            work, self.sent = self.sent, None
            self._done(work, reply)
            if self.open is None:
                self._follow(b"")
        elif self._ignored:
            self._ignored -= 1
            if not self._ignored:
                self._follow(b"")
        elif self.open is None:
            raise Lost(f"unasked: {reply.code} {reply.text}")
        elif reply.code == 421:
            raise Lost(f"421 {reply.text}")
        else:
            self._take_envelope_reply(self.open, reply)

    def _take_envelope_reply(self, work: Work, reply: Reply) -> None:
        if self._step < 2:
            if not reply.is_good and self._refusal is None:
                self._refusal = reply
            if self._is_pipelining:
                self._step += 1
            elif self._refusal is None:
                self._step += 1
                self.write(_commands(work.message)[self._step])
            else:
                self._drop(work, self._refusal, b"RSET\r\n")
        elif self._refusal is None and reply.code == 354:
            self.sent, self.open = work, None
            self._follow(_body(work.message))
        elif reply.code == 354:  # a server that wants the body all the same must be given an end, and its answer taken
            assert self._refusal is not None  # else the body was sent
            self._drop(work, self._refusal, b".\r\n")
        elif self._is_pipelining:
            self.open = None
            self._done(work, self._refusal or reply)
            self._follow(b"")
        else:
            self._drop(work, self._refusal or reply, b"RSET\r\n")

    def _drop(self, work: Work, refusal: Reply, command: bytes) -> None:
        """The open message is refused; the server says one thing more before the next one."""
        self.open = None
        self._ignored = 1
        self.write(command)
        self._done(work, refusal)

    def _done(self, work: Work, reply: Reply) -> None:
        self.sealed += 1
        self._seal(work, judge(work.message, reply))

    def _follow(self, before: bytes) -> None:
        """Write ``before``, and behind it the next message's envelope: all of it, or its first command."""
        following = None
        if self.sent is None or self._is_pipelining:
            following = self._take()
        if following is not None:
            self.open, self._step, self._refusal = following, 0, None
            commands = _commands(following.message)
            before += b"".join(commands) if self._is_pipelining else commands[0]
        if before:
            self.write(before)


@functools.cache
def _own_name() -> bytes:
    return socket.getfqdn().encode("ascii", "replace")


def _commands(message: OutgoingMessage) -> tuple[bytes, bytes, bytes]:
    sender, recipient = ascii_address(message.envelope_from), ascii_address(message.recipient)
    return f"MAIL FROM:<{sender}>\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode(), _DATA


def _body(message: OutgoingMessage) -> bytes:
    data = message.data
    if b"\r\n." in data or data.startswith(b"."):
        data = _STUFFING.sub(b"..", data)
    return data + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")


def judge(message: OutgoingMessage, reply: Reply) -> Delivery:
    """How a reply ends an attempt."""
    if 200 <= reply.code < 300:
        status = DeliveryStatus.SUCCESS
    elif reply.code >= 500:
        status = DeliveryStatus.FAILURE_PERMANENT
    else:
        status = DeliveryStatus.DEFERRED
    return Delivery(message.endpoint_id, status, str(reply.code), reply.text[:REPLY_LIMIT])
