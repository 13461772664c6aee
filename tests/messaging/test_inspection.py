"""What is said of a mail before it is sent."""

from __future__ import annotations

import time

import pytest

from messaging import inspection
from messaging.inspection.colours import colour, contrast
from messaging.message_templates import designs
from messaging.message_templates.documents import email_content, prepared
from messaging.rendering import MessageContent, compile_content, render

FOOTER = "<p>상점 · 서울 · 02-1234-5678 <a href='{{UnsubscribeUrl}}'>무료 수신거부</a></p>"


def codes(html: str = "<p>글</p>", *, subject: str = "소식", text: str = "") -> list[str]:
    program = compile_content(MessageContent(from_address="a@example.com", subject=subject, html=html, text=text))
    return [remark.code for remark in inspection.find_remarks(program=program)]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("https://shop.kr/sale?x=1", []), ("http://shop.co.kr:8080/", []), ("{{Attributes.url}}", []), ("mailto:a@b.kr", []),
        ("https://{{Attributes.host}}.shop.kr/", []), ("#top", []), ("https://한글.kr/", []),
        ("https://", ["bad_link"]), ("http://shop", ["bad_link"]), ("https://shop kr/", ["bad_link"]), ("https://a..b/", ["bad_link"]),
        ("http://shop.kr:port/", ["bad_link"]), ("https://[shop.kr/", ["bad_link"]), ("https://example.com/", ["bad_link"]),
        ("", ["empty_link"]), ("#", ["empty_link"]),
    ],
)  # fmt: skip
def test_links_are_of_the_web(target: str, said: list[str]) -> None:
    assert codes(f'<a href="{target}">열기</a>') == said


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ('<img src="https://x.kr/a.png" alt="">', []),
        ('<a href="https://x.kr/"><img src="https://x.kr/a.png" alt="가을"></a>', []),
        ('<a href="https://x.kr/"><img src="https://x.kr/a.png" alt=" "></a>', ["linked_image_without_alt"]),
        ('<img src="data:image/png;base64,AA" alt="a">', ["data_image"]),
        ('<img src="/a.png" alt="a">', ["image_address"]),
        ('<img src="{{Attributes.picture}}" alt="a">', []),
    ],
)
def test_pictures_can_be_seen_and_read(html: str, said: list[str]) -> None:
    assert codes(html) == said


def test_contrast_is_the_ratio_of_the_standard() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((0x76, 0x76, 0x76), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)
    assert [colour(text) for text in ("#FFF", "#1f5fbf", "rgb(1, 2, 300)", "WHITE", "rgba(0,0,0,.5)", "x", "")] == [
        (255, 255, 255), (31, 95, 191), (1, 2, 255), (255, 255, 255), None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ('<p style="color:#767676">글</p>', []),
        ('<p style="color:#777777">글</p>', ["contrast"]),
        ('<p style="color:#777777;font-size:24px">글</p>', []),
        ('<p style="color:#777777;font-size:19px"><b>글</b></p>', []),
        ('<div style="background-color:#b42318"><p style="color:#ffffff">글</p></div>', []),
        ('<div style="background:#b42318"><p style="color:#a00">글</p></div>', ["contrast"]),
        ('<table bgcolor="#000000"><tr><td style="color:#111">글</td></tr></table>', ["contrast"]),
        ('<div style="background:url(x.png) #000"><p style="color:#111">글</p></div>', []),
        ('<div style="background:#000"><p>글</p></div>', []),
        ('<p style="color:{{Attributes.colour}}">글</p>', []),
        ('<p style="color:#ffffff;display:none">글</p>', []),
        ('<div style="color:#eee"><p></div><p>글</p>', []),
    ],
)
def test_text_can_be_read_on_its_background_where_inline_styles_tell(html: str, said: list[str]) -> None:
    assert codes(html) == said


@pytest.mark.parametrize(
    ("subject", "html", "said"),
    [
        ("가을 소식", FOOTER, []),
        ("지금 당첨 확인", FOOTER, ["spam_word"]),
        ("Act NOW, please", FOOTER, ["spam_word"]),
        ("소식", "<p>Online casino</p>", ["spam_word"]),
        ("소식!!", FOOTER, ["spam_signs"]),
        ("BIG AUTUMN SALE", FOOTER, ["spam_signs"]),
        ("소식", "<p>[회사 이름] [02-0000-0000]</p>", ["blank"]),
        ("[공지] 점검", FOOTER, []),
    ],
)
def test_words_that_filters_look_for_and_blanks(subject: str, html: str, said: list[str]) -> None:
    assert codes(html, subject=subject) == said


@pytest.mark.parametrize(
    ("subject", "html", "said"),
    [
        ("(광고) 세일", FOOTER, []),
        ("(광고) 세일", "<p>1588-1234 수신 거부</p>", []),
        ("(광고) 세일", "<p>세일</p>", ["ad_sender", "ad_refusal"]),
        ("[광고] 세일", FOOTER, ["ad_mark"]),
        ("( 광 고 )세일", FOOTER, ["ad_mark"]),
        ("세일 (광고)", FOOTER, ["ad_mark"]),
        ("주문 확인", "<p>x</p>", []),
    ],
)
def test_what_korean_law_asks_of_an_advertisement(subject: str, html: str, said: list[str]) -> None:
    assert codes(html, subject=subject) == said


def test_a_mail_that_gmail_would_cut_off() -> None:
    just = "가" * (inspection.CLIPPED_AT // 3)

    assert codes(just) == []
    assert codes(just + "가") == ["size"]


def test_the_inbox_shows_the_preheader_or_the_beginning_of_the_text() -> None:
    with_one = MessageContent(from_address="a@b.kr", subject="제목", preheader="미리", html="<p>본문</p>")
    without = MessageContent(from_address="a@b.kr", subject="제목", html="<style>p{}</style><p>본문의  시작</p>" + "가" * 300)

    first = inspection.inbox(rendered=render(compile_content(with_one), document={}), sender="상점")
    second = inspection.inbox(rendered=render(compile_content(without), document={}), sender="상점")

    assert (first.sender, first.subject, first.snippet, first.is_clipped) == ("상점", "제목", "미리", False)
    assert second.snippet.startswith("본문의 시작")
    assert (len(second.snippet), second.has_preheader) == (160, False)


@pytest.mark.parametrize("key", [one.key for language in designs.LANGUAGES for one in designs.designs(language=language)])
def test_of_a_starting_design_only_its_blanks_and_example_links_are_said(key: str) -> None:
    design = designs.design(key)
    assert design is not None
    program = compile_content(email_content(prepared("EMAIL", design.document())))

    assert {remark.code for remark in inspection.find_remarks(program=program)} <= {"blank", "bad_link"}


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<a name='x'>", "<b style='color:#eee'>x", "</b>", "<p style='a:b;", "&#", "[", "(", "0", "02-"]
)
def test_no_mail_keeps_a_worker_busy(piece: str) -> None:
    for html in (piece * (150_000 // len(piece)), piece * (150_000 // len(piece)) + "\"' >"):
        program = compile_content(MessageContent(from_address="a@example.com", subject="(광고)", html=html))
        begun = time.process_time()
        inspection.find_remarks(program=program)
        assert time.process_time() - begun < 8, "seconds; a quadratic reader takes minutes"
