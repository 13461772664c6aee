"""Hostile texts, and the look for what our own pages never hold."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

from django.urls import reverse

from tests.console.world import World, addresses, fill, logged_in

ADDRESSES = addresses()
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
TEXTS = {
    "script": SCRIPT,
    "newline": "a\r\nBcc: evil@example.com\r\n\r\n<b>x</b>",
    "nul": "a\0b",
    "long": "가" * 10_000,
    "controls": "\x01\x1b[31m\x7f\x85\u2028\u202e\ufeff\U0010ffff",
    "format": "%(name)s %s {{ x }} {% load %} {0} ${x}",
    "template": "{{#if x}} {{{Address}}} {{Attributes.x.[²]}}",
    "number": "9" * 40,
    "minus": "-1",
    "digits": "9" * 5_000,
    "sql": "' OR 1=1; --\\",
    "path": "../../../../etc/passwd",
    "json": '{"a":' * 2_000,
    "wide": "💥" * 200,
}


def url(name: str, world: World, **words: str) -> str:
    return reverse(name, kwargs=fill(name, ADDRESSES[name], world.ids()) | words)


def is_calm(answer: Any) -> bool:
    return answer.status_code < 500


class _Looking(HTMLParser):
    """Finds what our own pages never hold: inline scripts, handlers, styles, foreign pictures, scripted links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        wrong = [name for name in held if name.startswith("on") or name == "style"]
        is_data = held.get("type") == "application/json"  # numbers of a picture: no browser runs it
        if tag == "script" and not is_data and not (held.get("src") or "").startswith("/static/"):
            wrong.append("inline script")
        if tag == "img" and held.get("src") == "x":
            wrong.append("picture")
        if (held.get("href") or "").strip().lower().startswith("javascript:"):
            wrong.append("scripted link")
        self.found += [f"{tag}: {name}" for name in wrong]


def markup_of(answer: Any) -> list[str]:
    if answer.streaming or not answer.headers.get("Content-Type", "").startswith("text/html"):
        return []
    looking = _Looking()
    looking.feed(answer.content.decode())
    is_mail = "sandbox" in answer.headers.get("Content-Security-Policy", "")  # a mail's own styles
    return [found for found in looking.found if not (is_mail and found.endswith(": style"))]


def assert_pages_are_clean(world: World, *, languages: Sequence[str]) -> None:
    client = logged_in(world.owner)
    one, steps = world.project.public_id, ("name", "segment", "message", "schedule", "review")
    paths = [url(name, world) for name in ADDRESSES]
    paths += [url("campaigns:edit-campaign", world, campaign_id=world.draft.public_id, step=step) for step in steps]
    paths += [reverse(f"segments:{name}", args=[one, world.dynamic.public_id]) for name in ("show-segment", "edit-segment")]
    paths += [url("campaigns:list-people", world, what=what) for what in ("excluded", "excluded-ENDPOINT_OPT_OUT")]
    for path in paths:
        for language in languages:
            answer = client.get(path, headers={"accept-language": language})
            assert is_calm(answer), path
            assert not markup_of(answer), path
            assert answer.status_code != 200 or answer.streaming or b"<script>alert" not in answer.content, path
