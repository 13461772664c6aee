"""SMTP, pipelined where the server offers it (RFC 2920): a message's body goes out in one write with the next one's envelope.

At most once: a message whose body was being written when the connection broke is UNKNOWN; one of which only the envelope was
sent was not begun, and is DEFERRED.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from messaging.delivery.transport import Delivery, DeliveryStatus, OutgoingMessage, TransportDown
from messaging.rendering.mime import ascii_address

_CONNECT_SECONDS = 10.0
_REPLY_SECONDS = 120.0  # a server may think long after a body (RFC 5321 allows ten minutes)
_STUFFING = re.compile(rb"^\.", re.MULTILINE)
_REPLY_LIMIT = 500  # characters kept of a server's words


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int
    user: str = ""
    password: str = ""
    starttls: bool = False
    implicit_tls: bool = False


@dataclass(frozen=True, slots=True)
class _Reply:
    code: int
    text: str

    @property
    def is_good(self) -> bool:
        return 200 <= self.code < 400


class _Lost(Exception):
    """The connection is gone, or the server speaks nonsense."""


class SmtpTransport:
    """One connection to one server, kept over batches and made anew when it is lost."""

    def __init__(self, *, server: Server) -> None:
        self._server = server
        self._wire: _Wire | None = None

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        done: list[Delivery] = []
        while len(done) < len(messages):
            wire = self._connected(has_begun=bool(done))
            if wire is None:
                return done + [_not_begun(message, "no connection") for message in messages[len(done) :]]
            before = len(done)
            try:
                wire.send(messages[before:], done)
            except _Lost as lost:
                self.close()
                if len(done) == before:  # not one message further: a new connection would do no better
                    return done + [_not_begun(message, str(lost)) for message in messages[before:]]
        return done

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _connected(self, *, has_begun: bool) -> _Wire | None:
        if self._wire is not None and self._wire.is_stale():
            self.close()
        if self._wire is None:
            try:
                self._wire = _Wire(self._server)
            except (OSError, _Lost) as error:
                if has_begun:
                    return None
                raise TransportDown(f"{self._server.host}:{self._server.port}: {error}") from error
        return self._wire


def _not_begun(message: OutgoingMessage, why: str) -> Delivery:
    return Delivery(message.endpoint_id, DeliveryStatus.DEFERRED, "", why[:_REPLY_LIMIT])


class _Wire:
    """A session: greeted, secured, logged in."""

    def __init__(self, server: Server) -> None:
        self._socket: socket.socket = socket.create_connection((server.host, server.port), timeout=_CONNECT_SECONDS)
        self._buffer = b""
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._begin(server)
        except BaseException:
            self._socket.close()
            raise

    def _begin(self, server: Server) -> None:
        if server.implicit_tls:
            self._secure(server.host)
        self._expect(self._read())
        extensions = self._hello()
        if server.starttls:
            self._expect(self._ask(b"STARTTLS\r\n"))
            self._secure(server.host)
            extensions = self._hello()
        if server.user:
            token = base64.b64encode(f"\0{server.user}\0{server.password}".encode())
            self._expect(self._ask(b"AUTH PLAIN " + token + b"\r\n"))
        self._is_pipelining = "PIPELINING" in extensions
        self._socket.settimeout(_REPLY_SECONDS)

    def _secure(self, host: str) -> None:
        self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=host)

    def _hello(self) -> set[str]:
        reply = self._ask(b"EHLO " + socket.getfqdn().encode("ascii", "replace") + b"\r\n")
        if not reply.is_good:
            reply = self._ask(b"HELO localhost\r\n")
        self._expect(reply)
        return {line.split(" ")[0].upper() for line in reply.text.split("\n")}

    @staticmethod
    def _expect(reply: _Reply) -> None:
        if not reply.is_good:
            raise _Lost(f"{reply.code} {reply.text}")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.settimeout(1)
            self._socket.sendall(b"QUIT\r\n")
        self._socket.close()

    def is_stale(self) -> bool:
        """Whether the server closed the connection, or said something unasked (421), since the last batch."""
        if isinstance(self._socket, ssl.SSLSocket):
            return False  # TLS may hold bytes that are no answer; a dead connection shows at the first write
        self._socket.settimeout(0)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self._socket.settimeout(_REPLY_SECONDS)
        return True

    def send(self, messages: Sequence[OutgoingMessage], done: list[Delivery]) -> None:
        """Send messages in order, adding a Delivery for each whose fate is sealed; raises ``_Lost`` with the rest untouched."""
        self._write(_envelope(messages[0]) if self._is_pipelining else b"")
        for number, message in enumerate(messages):
            following = messages[number + 1] if number + 1 < len(messages) else None
            refused, wants_body = self._open(message)
            after = _envelope(following) if following is not None and self._is_pipelining else b""
            if refused is not None:
                # A server that answers DATA with 354 all the same must be given an end, and its answer taken.
                self._write((b".\r\n" if wants_body else b"") + after)
                if wants_body:
                    self._read()
                done.append(_judge(message, refused))
                continue
            try:
                self._write(_body(message) + after)
                reply = self._read()
            except _Lost as lost:
                done.append(Delivery(message.endpoint_id, DeliveryStatus.UNKNOWN, "", str(lost)[:_REPLY_LIMIT]))
                raise
            done.append(_judge(message, reply))

    def _open(self, message: OutgoingMessage) -> tuple[_Reply | None, bool]:
        """The envelope: (the reply that refuses it, or None; whether the server now waits for a body)."""
        refused = None
        for command in _commands(message):
            if not self._is_pipelining:
                if refused is not None:
                    break
                self._write(command)
            reply = self._read()
            if reply.code == 421:
                raise _Lost(f"421 {reply.text}")
            if command == _DATA:
                if reply.code == 354:
                    return refused, True
                return refused or reply, False
            if not reply.is_good and refused is None:
                refused = reply
        if not self._is_pipelining:
            self._ask(b"RSET\r\n")
        return refused, False

    def _ask(self, command: bytes) -> _Reply:
        self._write(command)
        return self._read()

    def _write(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _Lost(str(error)) from error

    def _read(self) -> _Reply:
        """One reply, its lines joined; raises ``_Lost``."""
        lines = []
        while True:
            line = self._line()
            if len(line) < 3 or not line[:3].isdigit():
                raise _Lost(f"not a reply: {line[:80]!r}")
            lines.append(line[4:].decode("utf-8", "replace"))
            if line[3:4] != b"-":
                return _Reply(code=int(line[:3]), text="\n".join(lines))

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            try:
                block = self._socket.recv(65536)
            except OSError as error:
                raise _Lost(str(error) or "timed out") from error
            if not block:
                raise _Lost("the server closed the connection")
            self._buffer += block
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")


_DATA = b"DATA\r\n"


def _commands(message: OutgoingMessage) -> tuple[bytes, bytes, bytes]:
    sender, recipient = ascii_address(message.envelope_from), ascii_address(message.recipient)
    return f"MAIL FROM:<{sender}>\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode(), _DATA


def _envelope(message: OutgoingMessage) -> bytes:
    return b"".join(_commands(message))


def _body(message: OutgoingMessage) -> bytes:
    data = message.data
    if b"\r\n." in data or data.startswith(b"."):
        data = _STUFFING.sub(b"..", data)
    return data + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")


def _judge(message: OutgoingMessage, reply: _Reply) -> Delivery:
    if 200 <= reply.code < 300:
        status = DeliveryStatus.SUCCESS
    elif reply.code >= 500:
        status = DeliveryStatus.FAILURE_PERMANENT
    else:
        status = DeliveryStatus.DEFERRED
    return Delivery(message.endpoint_id, status, str(reply.code), reply.text[:_REPLY_LIMIT])
