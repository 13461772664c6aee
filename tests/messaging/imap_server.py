"""A small IMAP server on loopback: one folder of mails with uids, in the clear, by STARTTLS or by TLS."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.messaging.sns_server import make_certificate


def certificate_files(folder: Path, *, name: str = "localhost") -> tuple[Path, Path]:
    """A certificate and its key as files."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate, private = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(make_certificate(key, name=name).public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))  # fmt: skip
    return certificate, private


class ImapServer:
    """``mails`` by uid. ``drop_after``: so many mails are handed out, then every connection is lost in the middle of an answer."""

    def __init__(self, *, tls: str = "", files: tuple[Path, Path] | None = None, password: str = "pass word") -> None:
        self.mails: dict[int, bytes] = {}
        self.validity = 1
        self.password = password
        self.fetched: list[int] = []
        self.drop_after: int | None = None
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        if files:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*files)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def add(self, *mails: bytes) -> None:
        for mail in mails:
            self.mails[max(self.mails, default=0) + 1] = mail

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=[connection], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(lambda: connection.close())
            if self._tls == "TLS" and self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            connection.sendall(b"* OK ready\r\n")
            stream = connection.makefile("rb")
            while line := stream.readline():
                tag, _space, rest = line.decode().strip().partition(" ")
                if rest.upper() == "STARTTLS" and self._context:
                    connection.sendall(f"{tag} OK begin\r\n".encode())
                    connection = self._context.wrap_socket(connection, server_side=True)
                    stream = connection.makefile("rb")
                    continue
                answer = self._answer(rest)
                if answer is None:
                    connection.sendall(b"* 1 FETCH (UID 1 BODY[]<0> {1000}\r\nhalf a mail")
                    return
                connection.sendall(answer.replace(b"TAG", tag.encode()))
                if rest.upper() == "LOGOUT":
                    return

    def _answer(self, command: str) -> bytes | None:
        verb = command.split(" ")[0].upper()
        if verb == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1" + (b" STARTTLS" if self._tls == "STARTTLS" else b"") + b"\r\nTAG OK done\r\n"
        if verb == "LOGIN":
            return b"TAG OK done\r\n" if self.password in command else b"TAG NO [AUTHENTICATIONFAILED] wrong password\r\n"
        if verb in ("EXAMINE", "SELECT"):
            if "INBOX" not in command:
                return b"TAG NO no such folder\r\n"
            return (
                f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY {self.validity}] ok\r\n"
                f"* OK [UIDNEXT {max(self.mails, default=0) + 1}] ok\r\nTAG OK [READ-ONLY]\r\n"
            ).encode()
        if command.upper().startswith("UID SEARCH"):
            low, high = map(int, re.findall(r"(\d+):(\d+)", command)[0])
            found = " ".join(str(uid) for uid in sorted(self.mails) if low <= uid <= high)
            return f"* SEARCH {found}\r\nTAG OK done\r\n".encode()
        if command.upper().startswith("UID FETCH"):
            uid = int(command.split(" ")[2])
            if self.drop_after is not None and len(self.fetched) >= self.drop_after:
                return None
            self.fetched.append(uid)
            mail = self.mails.get(uid)
            if mail is None:
                return b"TAG OK done\r\n"
            head = f"* 1 FETCH (UID {uid} BODY[]<0> {{{len(mail)}}}\r\n".encode()
            return head + mail + b")\r\nTAG OK done\r\n"
        if verb == "LOGOUT":
            return b"* BYE\r\nTAG OK done\r\n"
        return b"TAG BAD\r\n"
