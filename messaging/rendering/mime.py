"""RFC 5322 around a rendered message. What is the same for all recipients of a run is built once."""

from __future__ import annotations

import base64
import datetime
import email.utils
import re
import secrets
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
_SPECIAL = re.compile(r'[()<>@,;:\\".\[\]]')


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
        self._head = "\r\n".join(lines) + "\r\n"

    def build(self, *, rendered: Rendered, recipient: str, message_id: str, now: datetime.datetime) -> bytes:
        """The whole message with CRLF line ends. ``message_id`` is the part before the @; it must be unique."""
        head = (
            f"{self._head}To: {ascii_address(recipient)}\r\nSubject: {encoded(rendered.subject)}\r\n"
            f"Date: {email.utils.format_datetime(now)}\r\nMessage-ID: <{message_id}@{self._domain}>\r\n"
        )
        if rendered.unsubscribe_url:
            head += f"List-Unsubscribe: <{rendered.unsubscribe_url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        parts = [_part("plain", rendered.text)]
        if rendered.html:
            parts.append(_part("html", rendered.html))
        opening = f"\r\n--{self._boundary}\r\n".encode()
        message = head.encode() + opening + opening.join(parts) + f"\r\n--{self._boundary}--\r\n".encode()
        return message if self._signer is None else self._signer.sign(message, now=now)


def _part(subtype: str, text: str) -> bytes:
    raw = text.encode()
    if text.isascii() and _fits(raw):
        body = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        return f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n".encode() + body
    packed = base64.b64encode(raw)
    lines = b"\r\n".join([packed[start : start + 76] for start in range(0, len(packed), 76)])
    return f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + lines


def _is_free(name: str) -> bool:
    low = name.lower()
    return bool(_HEADER_NAME.fullmatch(name)) and low not in _OWN and not low.startswith(("content-", "x-pabal-", "x-ses-"))


def _fits(raw: bytes) -> bool:
    return len(raw) < _LONGEST_LINE or max(map(len, raw.split(b"\n"))) < _LONGEST_LINE


def encoded(text: str) -> str:
    """A header's text: as it is when short ASCII, else encoded words (RFC 2047), folded. Line ends can't get in."""
    text = re.sub(r"[\r\n\x00-\x1f\x7f]+", " ", text)
    if text.isascii() and len(text) <= 66 and "=?" not in text:
        return text
    words, chunk = [], b""
    for char in text:
        one = char.encode("utf-8", "replace")
        if len(chunk) + len(one) > _WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += one
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(word).decode()}?=" for word in words)


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
