"""An HTML page with its template tags taken out of the way, for those that read HTML and know no templates.

A tag becomes a mark: one word of two private characters and its number, which no reader of HTML changes.
"""

from __future__ import annotations

import re

from messaging.rendering import plain_text
from messaging.rendering.language.nodes import Tag, Template

_FIRST, _LAST = "\ue0f0", "\ue0f1"
MARK = re.compile(f"{_FIRST}([0-9]+){_LAST}")
_STRAY = re.compile(f"[{_FIRST}{_LAST}]")


def mark(number: int) -> str:
    return f"{_FIRST}{number}{_LAST}"


def stray(text: str) -> str:
    """A text without characters that would be taken for a mark."""
    return _STRAY.sub("", text)


def marked(template: Template) -> str:
    """The page with a mark for each tag, numbered as ``template.tags``."""
    source, out, position = template.source.text, [], 0
    for number, tag in enumerate(template.tags):
        out += [stray(source[position : tag.start]), mark(number)]
        position = tag.end
    return "".join(out) + stray(source[position:])


def unmarked(text: str, template: Template) -> str:
    """The tags in their places again."""
    source, tags = template.source.text, template.tags
    return MARK.sub(lambda found: source[tags[int(found[1])].start : tags[int(found[1])].end], text)


def plain_text_of(template: Template) -> str:
    """The text part of a page. A block that does not come out of it whole (its tags stood within HTML tags) is left out."""
    if not template.source.text:
        return plain_text.from_html("")
    text = plain_text.from_html(marked(template))
    numbers = [int(number) for number in MARK.findall(text)]
    kept = set(_whole(numbers, template.tags))
    return unmarked(MARK.sub(lambda found: found[0] if int(found[1]) in kept else "", text), template)


def _whole(numbers: list[int], tags: list[Tag]) -> list[int]:
    """Of these tags in their order: those that make whole blocks, in order, and stand within whole blocks only."""
    expected: dict[int, list[int]] = {}
    for number, tag in enumerate(tags):
        if tag.block >= 0:
            expected.setdefault(tag.block, []).append(number)
    kept: list[int] = []
    open_blocks: list[tuple[int, int]] = []  # a block, and how many tags were kept before it
    seen: dict[int, list[int]] = {}
    for number in numbers:
        tag = tags[number]
        if tag.block < 0:
            kept.append(number)
            continue
        seen.setdefault(tag.block, []).append(number)
        if tag.role == "open":
            open_blocks.append((tag.block, len(kept)))
            kept.append(number)
            continue
        while open_blocks and open_blocks[-1][0] != tag.block and any(block == tag.block for block, _at in open_blocks):
            del kept[open_blocks.pop()[1] :]
        if not open_blocks or open_blocks[-1][0] != tag.block:
            continue
        kept.append(number)
        if tag.role == "close":
            _block, at = open_blocks.pop()
            if seen[tag.block] != expected[tag.block]:
                del kept[at:]
    for _block, at in reversed(open_blocks):
        del kept[at:]
    return kept


def first_branches(template: Template) -> str:
    """The page as it is when every condition holds, at the same lines: for those that check how its tags are paired.

    A value becomes ``{{xxx}}`` of its length, all else of the template spaces.
    """
    source, out, position = template.source.text, [], 0
    hidden_until = -1
    skipped = {tag.start: end for tag, end in _others(template)}
    for tag in template.tags:
        out.append(source[position : tag.start] if position > hidden_until else _blank(source[position : tag.start]))
        whole = source[tag.start : tag.end]
        hidden_until = max(hidden_until, skipped.get(tag.start, -1))
        shown = tag.role == "output" and tag.start > hidden_until and len(whole) > 4
        out.append("{{" + _crossed(whole[2:-2]) + "}}" if shown else _blank(whole))
        position = tag.end
    return "".join(out) + source[position:]


def _others(template: Template) -> list[tuple[Tag, int]]:
    """The first {{else}} of each block, with the begin of the block's close."""
    firsts: dict[int, Tag] = {}
    found = []
    for tag in template.tags:
        if tag.role == "else":
            firsts.setdefault(tag.block, tag)
        elif tag.role == "close" and tag.block in firsts:
            found.append((firsts[tag.block], tag.start - 1))
    return found


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _crossed(text: str) -> str:
    return re.sub(r"[^\n]", "x", text)
