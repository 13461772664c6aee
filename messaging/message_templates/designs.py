"""Designs to begin with: MJML files beside this one, in Korean and English, and the blocks of the drag-and-drop editor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import get_language, gettext_noop, override
from django.utils.translation import gettext as _

from messaging.message_templates import mjml

LANGUAGES = ("ko", "en")
_FOLDER = Path(__file__).resolve().parent / "designs"
# Key → title, and the subject and preheader that go with it.
_DESIGNS = {
    "newsletter": (
        gettext_noop("Newsletter"),
        gettext_noop("What is worth reading this month"),
        gettext_noop("Three stories in three minutes"),
    ),
    "sale": (
        gettext_noop("Sale"),
        gettext_noop("Ready for winter: up to 40% off"),
        gettext_noop("Our members’ sale, until 1 December"),
    ),
    "welcome": (
        gettext_noop("Welcome"),
        gettext_noop("Welcome to [Company name]"),
        gettext_noop("Three things that help you begin"),
    ),
    "notice": (
        gettext_noop("Notice"),
        gettext_noop("Planned maintenance on 3 December"),
        gettext_noop("No orders between 02:00 and 05:00"),
    ),
    "invitation": (
        gettext_noop("Invitation"),
        gettext_noop("An evening at the workshop: you are invited"),
        gettext_noop("Friday, 11 December, 7 p.m."),
    ),
}
_BLANK = "blank"
_ADVERTISING = frozenset({"newsletter", "sale", "invitation"})
_FONT = "Pretendard, 'Apple SD Gothic Neo', 'Malgun Gothic', 'Noto Sans KR', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Design:
    """``key`` is "newsletter.ko"; ``title`` is in the language of the page, ``subject`` and ``preheader`` in the design's own."""

    key: str
    title: str
    language: str
    subject: str
    preheader: str

    def source(self) -> str:
        return (_FOLDER / f"{self.key}.mjml").read_text(encoding="utf-8")

    def html(self) -> str:
        return mjml.compiled(self.source())

    def document(self) -> dict[str, Any]:
        """A template's first version."""
        made: dict[str, Any] = {"Pabal": {"Mjml": self.source()}}
        if self.subject:
            made |= {"Subject": self.subject}
            made["Pabal"] |= {"Preheader": self.preheader}
        return made


def designs(*, language: str) -> list[Design]:
    """The starting designs of a language."""
    found = []
    for key, (title, subject, preheader) in _DESIGNS.items():
        with override(language):
            mark = "(광고) " if language == "ko" and key in _ADVERTISING else ""
            texts = mark + _(subject), _(preheader)
        found.append(Design(f"{key}.{language}", _(title), language, *texts))
    return found


def design(key: str) -> Design | None:
    """By its key: one of the starting designs, or "blank.ko"."""
    name, _dot, language = key.partition(".")
    if language not in LANGUAGES:
        return None
    if name == _BLANK:
        return Design(key, _("Empty"), language, "", "")
    return next((one for one in designs(language=language) if one.key == key), None)


def language_of_page() -> str:
    return "ko" if (get_language() or "").startswith("ko") else "en"


def blocks() -> list[dict[str, str]]:
    """What can be dragged into a design: id, label, icon and MJML, in the language of the page."""
    text = f'<mj-text font-family="{_FONT}" font-size="16px" line-height="1.6" color="#2b3440" padding="8px 32px">'
    button = (
        f'<mj-button font-family="{_FONT}" href="https://example.com/" background-color="#1f5fbf" color="#ffffff" font-size="16px" '
        f'font-weight="700" border-radius="6px" inner-padding="14px 28px" padding="16px 32px">{_("Open the page")}</mj-button>'
    )
    column = f"<mj-column>{text}{_('Write here.')}</mj-text></mj-column>"
    name = _("[Company name]")
    image = f'<mj-image src="{PLACEHOLDER}" alt="" padding="0"></mj-image>'
    return [
        _block("pabal-header", _("Header"), _section(
            f'<mj-text font-family="{_FONT}" font-size="20px" font-weight="800" color="#1f2937" padding="24px 32px">{name}</mj-text>'
        )),
        _block("pabal-text", _("Text"), f"{text}{_('Write here.')}</mj-text>"),
        _block("pabal-image", _("Image"), image, activate=True),
        _block("pabal-button", _("Button"), button),
        _block("pabal-columns-1", _("One column"), f'<mj-section background-color="#ffffff" padding="8px 0">{column}</mj-section>'),
        _block("pabal-columns-2", _("Two columns"), f'<mj-section background-color="#ffffff" padding="8px 0">{column * 2}</mj-section>'),
        _block("pabal-columns-3", _("Three columns"), f'<mj-section background-color="#ffffff" padding="8px 0">{column * 3}</mj-section>'),
        _block("pabal-divider", _("Line"), '<mj-divider border-width="1px" border-color="#e6e9ee" padding="8px 32px"></mj-divider>'),
        _block("pabal-spacer", _("Space"), '<mj-spacer height="24px"></mj-spacer>'),
        _block("pabal-footer-ko", _("Footer (Korean law)"), _footer("ko")),
        _block("pabal-footer-en", _("Footer (English)"), _footer("en")),
        _block("pabal-unsubscribe", _("Unsubscribe link"), (
            f'<mj-text font-family="{_FONT}" font-size="12px" color="#52606d" align="center" padding="8px 32px">'
            f'<a href="{{{{UnsubscribeUrl}}}}" style="color:#52606d">{_("Unsubscribe, free of charge")}</a></mj-text>'
        )),
    ]  # fmt: skip


# A grey picture of two by one that loads nothing from anywhere.
PLACEHOLDER = "data:image/gif;base64,R0lGODlhAgABAIAAAN3h5gAAACH5BAAAAAAALAAAAAACAAEAAAICBAoAOw=="


def _block(key: str, label: str, content: str, *, activate: bool = False) -> dict[str, Any]:
    return {"id": key, "label": label, "content": content, "activate": activate}


def _section(part: str) -> str:
    return f'<mj-section background-color="#ffffff" padding="0"><mj-column>{part}</mj-column></mj-section>'


def _footer(language: str) -> str:
    """The last section of the empty design: one place for what the law asks for."""
    source = (_FOLDER / f"{_BLANK}.{language}.mjml").read_text(encoding="utf-8")
    return source[source.rindex("<mj-section") : source.rindex("</mj-section>")] + "</mj-section>"
