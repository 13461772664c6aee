"""A mailbox over IMAP (RFC 3501), looked at and never changed."""

from __future__ import annotations

import contextlib
import imaplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SECONDS = 30.0  # for a connection and for each answer
_MAIL_BYTES = 1 << 20  # of a mail that are read: what it reports stands at its beginning
_WINDOW = 5_000  # uids asked for at once: the answer is one line


class ImapFailed(Exception):
    """The mailbox could not be read, in words."""


@dataclass(frozen=True, slots=True)
class ImapServer:
    """``address``: where to connect, if the host was looked up already; TLS asks for the host's name all the same."""

    host: str
    port: int
    user: str
    password: str
    folder: str = "INBOX"
    tls: bool = True
    starttls: bool = False
    address: str = ""


class Mailbox:
    """An open folder, for reading only. Raises ``ImapFailed`` when it can't be opened, and from each question."""

    def __init__(self, server: ImapServer) -> None:
        try:
            self._connection = _opened(server)
        except (OSError, imaplib.IMAP4.error) as error:
            raise ImapFailed(_said(error)) from error
        try:
            if server.starttls:
                self._connection.starttls(ssl.create_default_context())
            self._connection.login(server.user, server.password)
            name = '"' + server.folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
            kind, answer = self._connection.select(name, readonly=True)
            if kind != "OK":
                raise ImapFailed(_said(answer[0]))
            self.uid_validity = self._number("UIDVALIDITY")
            self._next = self._number("UIDNEXT")
        except (OSError, imaplib.IMAP4.error, UnicodeError, ValueError) as error:
            self.close()
            raise ImapFailed(_said(error)) from error
        except ImapFailed:
            self.close()
            raise

    def newer(self, uid: int) -> Iterator[list[int]]:
        """The uids after one, ascending, some at a time."""
        while uid + 1 < self._next:
            end = min(uid + _WINDOW, self._next - 1)
            answer = self._ask("SEARCH", f"UID {uid + 1}:{end}")
            yield sorted(one for one in map(int, (answer[0] or b"").split()) if uid < one <= end)
            uid = end

    def mail(self, uid: int) -> bytes | None:
        """A mail's beginning; None when it is gone."""
        for piece in self._ask("FETCH", str(uid), f"(BODY.PEEK[]<0.{_MAIL_BYTES}>)"):
            if isinstance(piece, tuple):
                return bytes(piece[1])
        return None

    def close(self) -> None:
        try:
            self._connection.logout()
        except (OSError, imaplib.IMAP4.error):
            with contextlib.suppress(OSError):  # it is closed already
                self._connection.shutdown()

    def _ask(self, *command: str) -> list[Any]:
        try:
            kind, answer = self._connection.uid(*command)
        except (OSError, imaplib.IMAP4.error) as error:
            raise ImapFailed(_said(error)) from error
        if kind != "OK":
            raise ImapFailed(_said(answer[0]))
        return answer

    def _number(self, name: str) -> int:
        _name, found = self._connection.response(name)
        if not found or found[0] is None:
            raise ImapFailed(f"the server does not say {name}")
        return int(found[0])


def _opened(server: ImapServer) -> imaplib.IMAP4:
    where = (server.address or server.host, server.port)
    return (_Tls if server.tls else _Plain)(server.host, where)


class _Plain(imaplib.IMAP4):
    def __init__(self, host: str, where: tuple[str, int]) -> None:
        self._where = where
        super().__init__(host, where[1], _SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return socket.create_connection(self._where, timeout)


class _Tls(_Plain):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = super()._create_socket(timeout)
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _said(what: object) -> str:
    text = what.decode("utf-8", "replace") if isinstance(what, bytes) else str(what)
    return text.removeprefix("b'").removesuffix("'")[:300] or type(what).__name__
