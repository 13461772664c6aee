"""Names of domains as DNS knows them."""

from __future__ import annotations

import re

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")

# Mailboxes of whoever asks for one. Their owners let nobody else send in their name, and say so by DMARC.
FREE_MAIL = frozenset({
    "naver.com", "daum.net", "hanmail.net", "kakao.com", "nate.com", "gmail.com", "googlemail.com", "outlook.com", "hotmail.com",
    "live.com", "msn.com", "yahoo.com", "yahoo.co.kr", "yahoo.co.jp", "icloud.com", "me.com", "aol.com", "qq.com", "163.com",
})  # fmt: skip


def normal(name: str) -> str:
    """A domain in lower case and ASCII, without a last dot; raises ``ValueError`` for what can't be one."""
    name = name.strip().rstrip(".").lower()
    if not name.isascii():
        name = name.encode("idna").decode()
    labels = name.split(".")
    if len(name) > 200 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdecimal():
        raise ValueError(name)
    return name


def domain_of(address: str) -> str:
    """The domain of an address as DNS knows it; empty when it has none."""
    _local, at, domain = address.rpartition("@")
    try:
        return normal(domain) if at else ""
    except ValueError:
        return ""


def shown(name: str) -> str:
    """A domain as people read it."""
    try:
        return name.encode().decode("idna")
    except UnicodeError:
        return name
