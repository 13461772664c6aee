"""What to say about a mail's links, pictures, colours, words, size, and what Korean law asks of an advertisement."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator

from django.utils.translation import gettext as _

from messaging.inspection import page
from messaging.inspection.inbox import CLIPPED_AT
from messaging.rendering import MessageProgram, Warning, render

_MOST = 5  # remarks of a kind; the first ones show what is meant
# What filters give points for. In the subject more words count than in the body, where a footer says "free of charge".
_IN_SUBJECT = (
    "공짜", "대박", "긴급", "당첨", "마지막 기회", "돈 버는", "부업", "무료 증정", "100% 무료", "지금 바로 클릭",
    "free!!!", "100% free", "act now", "urgent", "winner", "make money", "cash bonus", "risk-free", "limited time only", "click here",
)  # fmt: skip
_ANYWHERE = (
    "카지노", "바카라", "토토사이트", "비아그라", "원금 보장", "수익 보장", "무담보", "신용불량자", "당첨되셨습니다",
    "viagra", "casino", "no credit check",
    "guaranteed income", "make money fast", "work from home and earn", "lottery winner",
)  # fmt: skip
# What the starting designs leave to be filled in.
_BLANKS = re.compile(
    r"\[(?:회사 이름|대표자 이름|000-00-00000|회사 주소|02-0000-0000|행사장 주소|역 이름|Company name|Street and number[^\]\[]{0,60}|"
    r"\+00 000 0000|help@example\.com|Venue and street|Station)\]"
)
_AD_MARK = "(광고)"
_LOOKS_LIKE_AD_MARK = re.compile(r"[(\[【（<〈{]?\s*광\s*고\s*[)\]】）>〉}]")
_TELEPHONE = re.compile(r"(?:\+82|0)[\d\-. )]{7,14}\d|1[568]\d\d-\d{4}")


def find_remarks(*, program: MessageProgram) -> list[Warning]:
    """Without those that ``messaging.rendering.find_warnings`` has: this is about what receivers do with a mail."""
    content = program.content
    read = page.read(content.html)
    text = read.text if content.html else content.text
    return [
        *_links(read),
        *_pictures(read),
        *_colours(read),
        *_words(content.subject, text),
        *_blanks(f"{content.subject} {content.preheader} {text}"),
        *_advertisement(content.subject, text),
        *_size(program),
    ]


def _links(read: page.Page) -> Iterator[Warning]:
    wrong = []
    for line, target in read.links:
        if not target.lower().startswith(("http:", "https:")):
            continue  # find_warnings says what is odd about those
        if not _is_reachable(target):
            wrong.append(
                (
                    line,
                    target,
                    _("Line %(line)s: the link “%(target)s” leads nowhere. Write it as https://shop.example.com/page."),
                )
            )
        elif re.search(r"//(?:www\.)?example\.(?:com|org|net)(?:[/:?#]|$)", target):
            wrong.append(
                (line, target, _("Line %(line)s: the link “%(target)s” is the design's example. Put your page's address there."))
            )
    for line, target, sentence in wrong[:_MOST]:
        yield Warning("bad_link", sentence % {"line": line, "target": target[:60]}, line)
    empty = [line for line, target in read.links if target in ("", "#")]
    if empty:
        yield Warning(
            "empty_link", _("Line %(line)s: a link has no address. Give it one, or take it away.") % {"line": empty[0]}, empty[0]
        )


def _is_reachable(target: str) -> bool:
    """Whether an address is one of the web, as far as its spelling says."""
    try:
        parts = urllib.parse.urlsplit(re.sub(r"\{\{[^{}]*\}\}", "x", target))
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_name = "." in host and not re.search(r"[\s_<>\"'\\]|\.\.", host) and not host.startswith(".")
    return parts.scheme in ("http", "https") and is_name and not re.search(r"\s", target)


def _pictures(read: page.Page) -> Iterator[Warning]:
    found = []
    for picture in read.pictures:
        given = {"line": picture.line}
        if picture.is_link and picture.alt is not None and not picture.alt.strip():
            found.append(Warning("linked_image_without_alt", _(
                "Line %(line)s: the picture is a link, but its text (alt) is empty. Say where it leads: many see no pictures."
            ) % given, picture.line))  # fmt: skip
        if picture.source.startswith("data:"):
            found.append(Warning("data_image", _(
                "Line %(line)s: Gmail and Outlook don't show pictures that stand in the mail itself. Upload it under “Pictures”."
            ) % given, picture.line))  # fmt: skip
        elif not picture.source.startswith(("https://", "http://", "{{", "cid:")):
            found.append(Warning("image_address", _(
                "Line %(line)s: the picture has no full address. Mail programs need one that begins with https://."
            ) % given, picture.line))  # fmt: skip
    yield from found[:_MOST]


def _colours(read: page.Page) -> Iterator[Warning]:
    for faint in read.faint[:_MOST]:
        given = {"line": faint.line, "text": faint.text, "contrast": f"{faint.contrast:.1f}"}
        yield Warning("contrast", _(
            "Line %(line)s: “%(text)s” is hard to read on its background (contrast %(contrast)s, 4.5 is needed). Make it darker or lighter."
        ) % given, faint.line)  # fmt: skip


def _words(subject: str, text: str) -> Iterator[Warning]:
    low_subject, low_text = subject.lower(), text.lower()
    found = [word for word in (*_IN_SUBJECT, *_ANYWHERE) if word in low_subject]
    for word in found[:_MOST]:
        yield Warning(
            "spam_word", _("“%(word)s” in the subject is what spam filters look for. Say it in other words.") % {"word": word}
        )
    for word in [one for one in _ANYWHERE if one in low_text and one not in found][:_MOST]:
        yield Warning("spam_word", _("“%(word)s” is what spam filters look for. Say it in other words.") % {"word": word})
    if re.search(r"[!！]{2}|[?？]{3}|[★☆♥♡※]{2}|\${2}", subject):
        yield Warning("spam_signs", _("Repeated signs such as “!!” in the subject look like spam. One is enough."))
    letters = [char for char in subject if char.isascii() and char.isalpha()]
    if len(letters) >= 10 and all(char.isupper() for char in letters):
        yield Warning("spam_signs", _("A subject in capitals looks like spam. Write it as a sentence."))


def _blanks(text: str) -> Iterator[Warning]:
    found = list(dict.fromkeys(_BLANKS.findall(text)))
    if found:
        given = {"blanks": ", ".join(found[:_MOST])}
        yield Warning("blank", _("The design's blanks are not filled in: %(blanks)s.") % given)


def _advertisement(subject: str, text: str) -> Iterator[Warning]:
    """정보통신망법 제50조: the mark at the very beginning, who sends it, and how to refuse it free of charge."""
    start = subject.lstrip()
    if not start.startswith((_AD_MARK, "（광고）")):
        if _LOOKS_LIKE_AD_MARK.search(subject):
            yield Warning(
                "ad_mark", _("The mark of an advertisement must be exactly “(광고)”, at the very beginning of the subject.")
            )
        return
    if not _TELEPHONE.search(text):
        yield Warning("ad_sender", _(
            "An advertisement must say who sends it, with an address and a telephone number. Put the footer block below it."
        ))  # fmt: skip
    if not re.search(r"수신\s*거부", text):
        yield Warning(
            "ad_refusal",
            _("An advertisement must say, in Korean, how to refuse further ones (“무료 수신거부”). Put it beside the link."),
        )


def _size(program: MessageProgram) -> Iterator[Warning]:
    size = len(render(program, document={}).html.encode())
    if size > CLIPPED_AT:
        yield Warning("size", _(
            "The HTML has %(size)s KB. Gmail cuts a mail off at 102 KB, and its end, the unsubscribe link too, is not shown. Shorten it."
        ) % {"size": -(-size // 1024)})  # fmt: skip
