"""RFC 5322 around a rendered message. What is the same for all recipients of a run is built once."""

from __future__ import annotations

import binascii
import datetime
import email.utils
import re
import secrets
import struct
from functools import lru_cache
from typing import Protocol

from messaging.rendering.content import MessageContent
from messaging.rendering.program import Rendered

_LONGEST_LINE = 990  # bytes; RFC 5322 allows 998
_WORD_BYTES = 42  # of an encoded word: 75 characters at most with its frame
_HEADER_NAME = re.compile(r"[!-9;-~]{1,126}")
# What the console, its relays or its signature write; a second one would make the message invalid, or lie.
_OWN = frozenset({
    "from", "to", "cc", "bcc", "sender", "subject", "date", "message-id", "mime-version", "return-path", "received", "dkim-signature",
    "list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id", "precedence", "reply-to",
})  # fmt: skip
_CONTROL = re.compile(r"[\r\n\x00-\x1f\x7f]+")
_SPECIAL = re.compile(r'[()<>@,;:\\".\[\]]')


def _heads(subtype: str) -> tuple[bytes, bytes]:
    """For a part in plain ASCII, and for all others."""
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: "
    return f"{head}7bit\r\n\r\n".encode(), f"{head}base64\r\n\r\n".encode()


_PLAIN, _HTML = _heads("plain"), _heads("html")


class Signing(Protocol):
    """What signs a finished message."""

    def sign(self, message: bytes, *, now: datetime.datetime) -> bytes: ...


class MimeBuilder:
    """Builds the messages of one run (or one test), signed if there is a ``signer``."""

    def __init__(
        self,
        *,
        content: MessageContent,
        project_id: str,
        run_id: str = "",
        campaign_id: str = "",
        list_name: str = "",
        signer: Signing | None = None,
    ) -> None:
        self._signer = signer
        domain = content.from_address.rpartition("@")[2]
        self._domain = ascii_domain(domain)
        self._boundary = f"=_pabal_{secrets.token_hex(12)}"
        lines = [
            f"From: {_mailbox(content.from_name, content.from_address)}",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/alternative; boundary="{self._boundary}"',
            f"X-Pabal-Project: {project_id}",
        ]
        if content.reply_to:
            lines.append(f"Reply-To: {ascii_address(content.reply_to)}")
        lines += [f"{name}: {encoded(value)}" for name, value in content.headers if _is_free(name)]
        if run_id:
            lines += [
                f"X-Pabal-Run: {run_id}",
                f"List-Id: {encoded(list_name)} <{project_id}.{self._domain}>"
                if list_name
                else f"List-Id: <{project_id}.{self._domain}>",
                f"Feedback-ID: {campaign_id}:{project_id}:campaign:pabal",
                "Precedence: bulk",
            ]
        self._head = "\r\n".join(lines) + "\r\nTo: "
        self._opening = f"\r\n--{self._boundary}\r\n".encode()
        self._closing = f"\r\n--{self._boundary}--\r\n".encode()

    def build(self, *, rendered: Rendered, recipient: str, message_id: str, now: datetime.datetime) -> bytes:
        """The whole message with CRLF line ends. ``message_id`` is the part before the @; it must be unique."""
        head = (
            f"{self._head}{ascii_address(recipient)}\r\nSubject: {encoded(rendered.subject)}\r\n"
            f"Date: {_date(now)}\r\nMessage-ID: <{message_id}@{self._domain}>\r\n"
        )
        if rendered.unsubscribe_url:
            head += f"List-Unsubscribe: <{rendered.unsubscribe_url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        pieces = [head.encode(), self._opening, *_part(_PLAIN, rendered.text_bytes)]
        if rendered.html_bytes:
            pieces += [self._opening, *_part(_HTML, rendered.html_bytes)]
        pieces.append(self._closing)
        message = b"".join(pieces)
        return message if self._signer is None else self._signer.sign(message, now=now)


def _part(heads: tuple[bytes, bytes], raw: bytes) -> tuple[bytes, bytes]:
    """A part's head and body."""
    if raw.isascii() and _fits(raw):
        return heads[0], raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    packed = binascii.b2a_base64(raw, newline=False)
    return heads[1], b"\r\n".join(_lines(len(packed)).unpack(packed))


@lru_cache(maxsize=256)
def _lines(length: int) -> struct.Struct:
    """Cuts this many bytes into lines of 76; many times faster than slices."""
    whole, rest = divmod(length, 76)
    return struct.Struct("76s" * whole + (f"{rest}s" if rest else ""))


@lru_cache(maxsize=8)
def _date(now: datetime.datetime) -> str:
    """A batch has one time."""
    return email.utils.format_datetime(now)


def _is_free(name: str) -> bool:
    low = name.lower()
    return bool(_HEADER_NAME.fullmatch(name)) and low not in _OWN and not low.startswith(("content-", "x-pabal-", "x-ses-"))


def _fits(raw: bytes) -> bool:
    return len(raw) < _LONGEST_LINE or max(map(len, raw.split(b"\n"))) < _LONGEST_LINE


def encoded(text: str) -> str:
    """A header's text: as it is when short ASCII, else encoded words (RFC 2047), folded. Line ends can't get in."""
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    if text.isascii() and len(text) <= 66 and "=?" not in text:
        return text
    raw = text.encode("utf-8", "replace")
    words, start = [], 0
    while start < len(raw):
        end = start + _WORD_BYTES
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # not within a character
            end -= 1
        words.append(f"=?utf-8?B?{binascii.b2a_base64(raw[start:end], newline=False).decode()}?=")
        start = end
    return "\r\n ".join(words)


def _mailbox(name: str, address: str) -> str:
    if not name:
        return ascii_address(address)
    shown = encoded(name)
    if shown == name and _SPECIAL.search(name):
        shown = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{shown} <{ascii_address(address)}>"


def ascii_domain(domain: str) -> str:
    """A domain as DNS knows it."""
    return domain if domain.isascii() else domain.encode("idna").decode()


def ascii_address(address: str) -> str:
    """An address for headers and envelopes; line ends can't get in."""
    if "\r" in address or "\n" in address:
        raise ValueError("an address holds a line end")
    local, _at, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain)}"
