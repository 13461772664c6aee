"""What one recipient gets: the message or the template, with what the request says for this one in its place.

A substitution goes before an endpoint's own value: one for this recipient first, then the message's. Its name is a variable as templates
write it (``User.UserAttributes.Name``), or a word of the caller's own, which then stands as ``{{word}}`` in the message.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.errors import Refusal
from messaging.rendering import MessageContent, MessageProgram, compile_content
from messaging.rendering.language import variables

Substitutions = Mapping[str, Sequence[str]]
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_OWN = re.compile(r"(\{\{\{?\s*)([A-Za-z_][A-Za-z0-9_-]{0,63})(\s*\}?\}\})")


class DirectRefused(Refusal):
    """Nothing of the request is sent."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """``key``: what the answer calls it. ``endpoint_pk`` 0 and an empty ``document``: an address that is no endpoint's."""

    key: str
    address: str
    channel: str
    endpoint_pk: int = 0
    opt_out: str = "NONE"
    document: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    body: str = ""
    substitutions: Substitutions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """``raw``: a whole message instead of ``content``, sent as it is. ``substitutions``: those for all recipients."""

    content: MessageContent
    substitutions: Substitutions = field(default_factory=dict)
    raw: bytes = b""


def message_for(
    message: DirectMessage, recipient: Recipient, *, allow_unescaped: bool
) -> tuple[MessageProgram, MessageContent, dict[str, Any]]:
    """The compiled message, what it was made of, and the values. Raises ``TemplateError``."""
    said = {**message.substitutions, **recipient.substitutions}
    words = frozenset(name for name in said if _WORD.fullmatch(name) and not variables.exists((name,)))
    content = message.content
    if recipient.title:
        content = dataclasses.replace(content, subject=recipient.title)
    if recipient.body:
        content = dataclasses.replace(content, html="", text=recipient.body)
    written = dataclasses.replace(
        content, subject=_renamed(content.subject, words), preheader=_renamed(content.preheader, words),
        html=_renamed(content.html, words), text=_renamed(content.text, words),
    )  # fmt: skip
    return _compiled(_Hashable(written), allow_unescaped), written, _document(recipient.document, said)


def _renamed(text: str, words: frozenset[str]) -> str:
    """With the caller's own words as attributes, which templates know."""
    if not words:
        return text
    return _OWN.sub(lambda found: f"{found[1]}Attributes.[{found[2]}]{found[3]}" if found[2] in words else found[0], text)


def _document(own: Mapping[str, Any], said: Substitutions) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(dict(own))
    for name, values in said.items():
        found = variables.split(name)
        path = found[0] if found and variables.exists(found[0]) else ("Attributes", name)
        is_list = path[0] in ("Attributes", "Recommendations") or path[:2] == ("User", "UserAttributes")
        held = document
        for part in path[:-1]:
            held = held.setdefault(part, {})
        held[path[-1]] = list(values) if is_list else (values[0] if values else "")
    return document


class _Hashable:
    """A message by what it says: those of one request mostly say the same, and are compiled once."""

    def __init__(self, content: MessageContent) -> None:
        self.content = content
        self._key = (content.subject, content.preheader, content.html, content.text, tuple(sorted(content.defaults.items())))

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and self._key == other._key and self.content == other.content


@functools.lru_cache(maxsize=8)
def _compiled(content: _Hashable, allow_unescaped: bool) -> MessageProgram:
    return compile_content(content.content, allow_unescaped=allow_unescaped)
