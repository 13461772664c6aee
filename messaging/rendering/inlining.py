"""Styles of a page's ``<style>`` written into its elements, where mail programs honour them.

css-inline sees a skeleton: the page's elements, each closed, without texts, comments and template tags. What it finds for an
element is put into the page as it was written, so that nothing else of the page changes, whatever stands between its tags.
``<style>`` itself stays, with its ``@media`` and ``:hover``.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

import css_inline
from django.utils.translation import gettext as _

from messaging.rendering import markup, masking
from messaging.rendering.language.nodes import Template

_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_SELF_CLOSING = frozenset("p li td th tr dt dd option".split())  # one ends where the next begins
_UNSEEN = frozenset(
    "html head script style link meta base title textarea iframe noscript svg math template frameset plaintext".split()
)
_FORMATS = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_DEEPEST = 100  # elements within each other; css-inline keeps a stack of them
_MOST_FORMATS = 30  # <b>, <a> … within each other: a parser of HTML opens all of them anew in each block
_MOST_ELEMENTS = 10_000
_MOST_WORK = 60_000_000  # characters of styles × elements
_STYLE = re.compile(r"<style\b([^<>]*)>", re.IGNORECASE)
_STYLE_END = re.compile(r"</style\s*>", re.IGNORECASE)
_MEDIA = re.compile(r"\bmedia\s*=\s*[\"']?\s*(?!all\b|screen\b)\w", re.IGNORECASE)
_TAG = re.compile(r"<[a-z][^\s>]*((?:[^\"<>]|\"[^\"]*\")*)>", re.IGNORECASE)
_NUMBER = re.compile(r"\sdata-pabal-number=\"([0-9]+)\"")
_STYLED = re.compile(r"\sstyle=\"([^\"]*)\"", re.IGNORECASE)
# Their cost is the square or the cube of the elements, and no mail program knows them.
_SLOW = re.compile(r":(?=has\(|(?:not|is|where|matches|any)\([^)]*[\s~+>])", re.IGNORECASE)
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False)


@dataclass(slots=True)
class _Element:
    """A start tag: where its name ends, and where its style attribute's value lies (with its quotes), if it has one."""

    start: int
    named: int
    end: int = 0
    style: tuple[int, int] | None = None
    gaps: list[tuple[int, int]] = field(default_factory=list)


def inlined(template: Template) -> str | None:
    """The page with its styles in its elements; None where it has none. Raises ``TemplateError`` for styles that are too much."""
    source = template.source
    if "<style" not in source.text.lower():
        return None
    page = masking.marked(template)
    css = _styles(page, template)
    if not css:
        return None
    elements = _elements(page)
    start = source.text.lower().find("<style")
    count = sum(isinstance(element, _Element) for element in elements)
    if count > _MOST_ELEMENTS or len(css) * count > _MOST_WORK:
        raise source.error(
            start,
            _(
                "The page has too many styles for its many elements; they can't be written into them. Take out those that are not used."
            ),
        )
    skeleton = _skeleton(page, elements)
    if skeleton is None:
        raise source.error(start, _("The page's elements are nested too deeply for styles to be written into them."))
    try:
        styled = _INLINER.inline(f"<html><head><style>{css}</style></head>{skeleton}</html>")
    except (css_inline.InlineError, ValueError) as error:
        raise source.error(start, _("The styles can't be read: %(reason)s") % {"reason": str(error)[:200]}) from error
    return masking.unmarked(_patched(page, elements, styled), template)


def _styles(page: str, template: Template) -> str:
    """The rules for all media, of styles without a block of the template in them."""
    found = []
    page = _without_comments(page)
    position = 0
    while (style := _STYLE.search(page, position)) and (end := _STYLE_END.search(page, style.end())):
        position = end.end()
        inner = page[style.end() : end.start()]
        roles = {template.tags[int(number)].role for number in masking.MARK.findall(inner)}
        if not _MEDIA.search(style[1]) and roles <= {"output"}:
            rules = inner.replace("<!--", "").replace("-->", "").replace("<", "")
            found.append(_SLOW.sub(":-slow-", rules))
    return "\n".join(found).strip()


def _without_comments(page: str) -> str:
    """The page at the same places, without what only Outlook reads."""
    out, position = [], 0
    while (start := page.find("<!--[if", position)) >= 0:
        end = page.find("]>", start)
        if end < 0:
            break
        if page[end + 2 : end + 100].lstrip().startswith("<!--"):  # the others read it, too
            out.append(page[position : end + 2])
            position = end + 2
            continue
        closing = page.find("<![endif]-->", end)
        stop = len(page) if closing < 0 else closing + len("<![endif]-->")
        out += [page[position:start], " " * (stop - start)]
        position = stop
    return "".join(out) + page[position:]


def _elements(page: str) -> list[_Element | str]:
    """Start tags and the names of end tags, in order; template tags within a tag are words of their own."""
    found: list[_Element | str] = []
    scanner = markup.Scanner()
    current: _Element | None = None
    opened = value = 0
    text = _without_comments(page)
    for event in scanner.feed(text):
        place = scanner.place
        if event.kind == "open":
            opened = event.at
        elif event.kind == "named":
            is_end = place.tag.startswith("/")
            current = None if is_end else _Element(start=opened, named=event.at)
            if is_end:
                found.append(masking.MARK.sub("", place.tag[1:]))
        elif event.kind == "begin":
            value = event.at - len(place.quote) if masking.MARK.sub("", place.attribute) == "style" else -1
        elif event.kind == "end" and current is not None and value >= 0:
            current.style = current.style or (value, event.at + (text[value] in "\"'"))
        elif event.kind == "close" and current is not None:
            current.end = event.at
            found.append(current)
            current = None
    return found


def _skeleton(page: str, elements: list[_Element | str]) -> str | None:
    """The elements, each closed; None where they are too deep within each other."""
    body = ""
    out: list[str] = []
    stack: list[str] = []
    for number, element in enumerate(elements):
        if isinstance(element, str):
            if element in stack:
                while stack:
                    name = stack.pop()
                    out.append(f"</{name}>")
                    if name == element:
                        break
            continue
        name = page[element.start + 1 : element.named].lower()
        if not name.isascii() or name in _UNSEEN:
            continue
        if name == "body":
            body = body or f' data-pabal-number="{number}"{_attributes(page, element)}'
            continue
        if stack and stack[-1] == name and name in _SELF_CLOSING:
            out.append(f"</{stack.pop()}>")
        out.append(f'<{name} data-pabal-number="{number}"{_attributes(page, element)}>')
        if name in _VOID:
            continue
        stack.append(name)
        if len(stack) > _DEEPEST or (name in _FORMATS and sum(one in _FORMATS for one in stack) > _MOST_FORMATS):
            return None
    out += [f"</{name}>" for name in reversed(stack)]
    return f"<body{body}>{''.join(out)}</body>"


def _attributes(page: str, element: _Element) -> str:
    """What selectors ask for, without the template's tags between attributes."""
    scanner, out = markup.Scanner(), []
    text = page[element.named : element.end - 1].rstrip("/")
    begin, name = 0, ""
    tag = f"<x{text}>"
    for event in scanner.feed(tag):
        if event.kind == "begin":
            begin, name = event.at, masking.MARK.sub("", scanner.place.attribute)
        elif event.kind == "end" and re.fullmatch(r"[a-z][a-z0-9:_-]*", name) and name != "data-pabal-number":
            value = tag[begin : event.at].replace('"', "&quot;")
            out.append(f' {name}="{value}"')
    return "".join(out)


def _patched(page: str, elements: list[_Element | str], styled: str) -> str:
    out, position = [], 0
    styles: dict[int, re.Match[str] | None] = {}
    for tag in _TAG.finditer(styled):
        number_found = _NUMBER.search(tag[1])
        if number_found is not None:
            styles[int(number_found[1])] = _STYLED.search(tag[1])
    for number, element in enumerate(elements):
        style = styles.get(number)
        if isinstance(element, str) or style is None:
            continue
        value = html.unescape(style[1])
        if element.style is None:
            out += [page[position : element.named], f' style="{html.escape(value)}"']
            position = element.named
            continue
        start, end = element.style
        before = page[start:end]
        if sorted(masking.MARK.findall(before)) == sorted(masking.MARK.findall(value)) or not masking.MARK.search(before):
            out += [page[position:start], f'"{html.escape(value)}"']
            position = end
    return "".join(out) + page[position:]
