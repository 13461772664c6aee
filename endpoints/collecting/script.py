"""The script for web pages as it is served: one file for each version in ``static/js``, never changed once it is released."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

VERSION = "1.0.0"  # the newest
_NAME = re.compile(r"pabal-([0-9]+\.[0-9]+\.[0-9]+)\.js\Z")


@dataclass(frozen=True, slots=True)
class Script:
    """``integrity`` is what the attribute of that name holds (SRI)."""

    body: bytes
    zipped: bytes
    etag: str
    integrity: str


def version_of(name: str) -> str:
    """The version that a file's name has, or the empty text."""
    found = _NAME.match(name)
    return found[1] if found else ""


@functools.lru_cache(maxsize=64)
def script(version: str) -> Script | None:
    """None when there is no such version."""
    path = Path(settings.BASE_DIR) / "static" / "js" / f"pabal-{version}.js"
    return _made(path.read_bytes()) if path.is_file() else None


@functools.lru_cache(maxsize=1_024)
def script_of_key(token: str, needs_consent: bool) -> Script:
    """The newest one, which knows its key, and whether the project demands consent, without the page's help."""
    newest = script(VERSION)
    assert newest is not None  # a test says so
    consent = 'd.consent="required";' if needs_consent else ""
    return _made(f'(function(d){{d.key="{token}";{consent}}})(document.currentScript.dataset);\n'.encode() + newest.body)


def _made(body: bytes) -> Script:
    digest = hashlib.sha384(body).digest()
    return Script(
        body=body, zipped=gzip.compress(body, 9, mtime=0), etag=f'"{digest.hex()[:32]}"',
        integrity=f"sha384-{base64.b64encode(digest).decode()}",
    )  # fmt: skip
