"""What is odd about a message, though it can be sent."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from html.parser import HTMLParser

from django.utils.translation import gettext as _

from messaging.rendering import masking, plain_text
from messaging.rendering.content import MessageContent
from messaging.rendering.language import parse
from messaging.rendering.program import MessageProgram

_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"])
_OPTIONAL_END = frozenset(
    ["p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "dt", "dd", "option", "html", "body", "head", "colgroup"]
)


@dataclass(frozen=True, slots=True)
class Warning:
    """``line`` counts from 1 in the HTML; None where no line is meant."""

    code: str
    message: str
    line: int | None = None


def find_warnings(*, program: MessageProgram, known_names: Collection[str]) -> list[Warning]:
    """Unknown variables (``known_names``: "Attributes.x", "User.UserAttributes.y", "Metrics.z"), a missing unsubscribe link,
    broken HTML, pictures without a text."""
    found = list(_unknown_variables(program.variables, known_names))
    content = program.content
    if not program.has_unsubscribe:
        found.append(
            Warning(
                "no_unsubscribe",
                _("There is no unsubscribe link. Put {{UnsubscribeUrl}} into a link; else people report it as spam."),
            )
        )
    return found + _markup_warnings(content)


def _unknown_variables(names: Collection[str], known_names: Collection[str]) -> list[Warning]:
    found = []
    for name in sorted(names):
        is_custom = name.startswith(("Attributes.", "User.UserAttributes.", "Metrics."))
        if not is_custom or name in known_names:
            continue
        nearest = difflib.get_close_matches(name, known_names, n=1)
        if nearest:
            message = _("Nobody has “%(name)s”. Did you mean “%(nearest)s”?") % {"name": name, "nearest": nearest[0]}
        else:
            message = _("Nobody has “%(name)s”; it will be empty or its default.") % {"name": name}
        found.append(Warning("unknown_variable", message))
    return found


def _markup_warnings(content: MessageContent) -> list[Warning]:
    if not content.html:
        return []
    checker = _Checker()
    page = masking.first_branches(parse(content.html, part="html", allow_unescaped=True))
    checker.feed(plain_text.closed(page))
    checker.close()
    checker.finish()
    return checker.found[:20]


class _Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Warning] = []
        self._open: list[tuple[str, int]] = []
        self._names: Counter[str] = Counter()  # of the open ones

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        if tag == "img" and dict(attrs).get("alt") is None:
            self.found.append(Warning("image_without_alt", _("Line %(line)s: the image has no alt text.") % {"line": line}, line))
        if tag == "script" or any(name.startswith("on") for name, _value in attrs):
            self.found.append(Warning("script", _("Line %(line)s: mail programs remove scripts.") % {"line": line}, line))
        if tag == "a":
            href = (dict(attrs).get("href") or "").strip()
            if href and not re.match(r"(https?:|mailto:|tel:|#|\{\{)", href, re.IGNORECASE):
                self.found.append(
                    Warning(
                        "odd_link", _("Line %(line)s: “%(href)s” is not a web address.") % {"line": line, "href": href[:60]}, line
                    )
                )
        if tag not in _VOID:
            self._open.append((tag, line))
            self._names[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if not self._names[tag]:
            line = self.getpos()[0]
            self.found.append(
                Warning("broken_html", _("Line %(line)s: </%(tag)s> closes nothing.") % {"line": line, "tag": tag}, line)
            )
            return
        while self._open:
            name, line = self._open.pop()
            self._names[name] -= 1
            if name == tag:
                return
            self._unclosed(name, line)

    def finish(self) -> None:
        while self._open:
            self._unclosed(*self._open.pop())

    def _unclosed(self, name: str, line: int) -> None:
        if name not in _OPTIONAL_END:
            self.found.append(
                Warning("broken_html", _("Line %(line)s: <%(tag)s> is never closed.") % {"line": line, "tag": name}, line)
            )
