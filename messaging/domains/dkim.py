"""DKIM signatures (RFC 6376), relaxed/relaxed, with cryptography alone: a finished message in, a signed one out.

The RSA operation is nine tenths of the cost. Of the rest, the headers that are the same for every message of a run are brought
into canonical form once.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

SIGNED = (
    "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "list-unsubscribe", "list-unsubscribe-post",
    "list-id", "feedback-id", "reply-to",
)  # fmt: skip
# A vendor may write these anew: a signature over them would break.
REWRITTEN_BY_SES = frozenset({"date", "message-id", "feedback-id"})
_PER_MESSAGE = frozenset({"to", "subject", "date", "message-id", "list-unsubscribe"})
_KEPT = 64  # canonical headers at most; a run has ten
_FIELD = re.compile(rb"[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n")
_LINE = 72  # characters of a base64 line in the header


class Signer:
    """Signs messages in the name of a domain. ``without``: headers that are not covered. Threads may share it."""

    def __init__(self, *, domain: str, selector: str, key: rsa.RSAPrivateKey, without: frozenset[str] = frozenset()) -> None:
        self._key = key
        self._names = tuple(name for name in SIGNED if name not in without)
        self._wanted = frozenset(name.encode() for name in self._names)
        self._constant = frozenset(name.encode() for name in self._names if name not in _PER_MESSAGE)
        self._begin = f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain};\r\n s={selector}; t="
        self._canonical: dict[bytes, bytes] = {}

    def sign(self, message: bytes, *, now: datetime.datetime) -> bytes:
        """The message (CRLF line ends) with its DKIM-Signature in front. Raises ``ValueError`` when it has no head."""
        head, found, body = message.partition(b"\r\n\r\n")
        if not found:
            raise ValueError("a message without an empty line after its head")
        lines, covered = self._covered(head + b"\r\n")
        digest = base64.b64encode(hashlib.sha256(canonical_body(body)).digest()).decode()
        value = f"{self._begin}{int(now.timestamp())};\r\n h={covered};\r\n bh={digest};\r\n b="
        # Folds stand only where the canonical form has one space.
        own = b"dkim-signature:" + value.replace("\r\n ", " ").encode()
        signature = base64.b64encode(self._key.sign(b"".join(lines) + own, padding.PKCS1v15(), SHA256())).decode()
        folded = "\r\n ".join(signature[start : start + _LINE] for start in range(0, len(signature), _LINE))
        return f"DKIM-Signature: {value}{folded}\r\n".encode() + message

    def _covered(self, head: bytes) -> tuple[list[bytes], str]:
        """The canonical headers in the order of ``h=``, and ``h=``: those that are there, and From once more, so that none is added."""
        found: dict[bytes, list[bytes]] = {}
        for name, line in _fields(head):
            if name in self._wanted:
                found.setdefault(name, []).append(self._canonical_line(name, line))
        lines: list[bytes] = []
        names: list[str] = []
        for wanted in self._names:
            mine = found.get(wanted.encode(), [])
            lines += reversed(mine)  # a verifier takes them from the last one upwards
            names += [wanted] * len(mine)
        names.insert(1, "from")
        return lines, ":".join(names)

    def _canonical_line(self, name: bytes, line: bytes) -> bytes:
        known = self._canonical.get(line)
        if known is None:
            known = canonical_header(name, line)
            if name in self._constant and len(self._canonical) < _KEPT:
                self._canonical[line] = known
        return known


def _fields(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each header of a head: its name in lower case, and all of it as it stands."""
    for match in _FIELD.finditer(head):
        line = match[0]
        yield line.partition(b":")[0].rstrip(b" \t").lower(), line


def canonical_header(name: bytes, line: bytes) -> bytes:
    """Relaxed (section 3.4.2): unfolded, each run of spaces one space, none at the ends."""
    value = line.partition(b":")[2].replace(b"\r\n", b"")
    return name + b":" + _single_spaced(value).strip(b" ") + b"\r\n"


def canonical_body(body: bytes) -> bytes:
    """Relaxed (section 3.4.4): each run of spaces one space, none before a line's end, no empty lines at the end."""
    body = _single_spaced(body).replace(b" \r\n", b"\r\n")
    if body.endswith(b" "):
        body = body[:-1]
    end = len(body)
    while body.endswith(b"\r\n", 0, end):  # not rstrip: a bare CR or LF is text
        end -= 2
    return body[:end] + b"\r\n" if end else b""


def _single_spaced(text: bytes) -> bytes:
    text = text.replace(b"\t", b" ")
    while b"  " in text:  # each turn halves the longest run; four times as fast as a regular expression
        text = text.replace(b"  ", b" ")
    return text
