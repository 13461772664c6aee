"""A message becomes bytes, alone on one core: values, helpers, signed links, transfer encoding, head."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Any

from analytics.links import LinkContext, RunLinks
from bench.report import Figure, Report
from messaging.rendering import MessageContent, MimeBuilder, compile_content, render

MESSAGES = 10_000
TURNS = 3  # the best counts: the others shared their core
_ROW = (
    '<tr><td style="padding:12px 24px;font-family:Pretendard,sans-serif;font-size:15px;line-height:1.6;color:#333333">'
    "이번 주에만 드리는 혜택을 놓치지 마세요. 새로 들어온 상품과 다시 찾아온 인기 상품을 한자리에 모았습니다.</td></tr>\n"
)


def content() -> MessageContent:
    """5 KB of Korean HTML with 8 variables, 3 helpers and 5 links."""
    links = "".join(
        f'<tr><td><a href="https://shop.example.com/products/{number}?utm_source=mail&amp;utm_campaign=autumn" style="color:#0b5">'
        f"상품 {number} 보러 가기</a></td></tr>\n"
        for number in range(1, 5)
    )
    body = (
        "<h1>{{User.UserAttributes.MBR_FULLNM}}님, 안녕하세요</h1><p>{{Location.City}} {{Attributes.grade}} 회원께 "
        "{{Metrics.points}}점, 쿠폰 {{Attributes.coupon}}</p><table>"
        + _ROW * 14
        + links
        + "</table><p>{{upper Attributes.code}} {{#if Attributes.vip}}{{Attributes.manager}} 드림{{/if}} "
        '{{dateFormat EffectiveDate "yyyy년 M월 d일" tz=Asia/Seoul}}</p>'
        '<a href="https://shop.example.com/me/{{User.UserId}}">내 쿠폰함</a> <a href="{{UnsubscribeUrl}}">수신거부</a>'
    )
    return MessageContent(
        from_address="shop@example.com", from_name="파발 상점", subject="(광고) {{User.UserAttributes.MBR_FULLNM}}님께 드리는 가을 쿠폰",
        preheader="오늘까지 쓸 수 있어요", html=f'<html><head><meta charset="utf-8"></head><body>{body}</body></html>',
    )  # fmt: skip


def document(number: int) -> dict[str, Any]:
    return {
        "Id": f"m-{number}",
        "Address": f"kim{number}@example.com",
        "EffectiveDate": f"2026-11-{number % 28 + 1:02d}T01:{number // 28 % 60:02d}:{number % 59:02d}.000Z",
        "Attributes": {
            "grade": ["골드"], "coupon": [f"C{number}"], "code": [f"ab{number:x}"], "vip": ["Y"], "manager": ["이매니저"],
        },
        "Metrics": {"points": float(number)},
        "Location": {"City": "서울"},
        "User": {"UserId": f"u{number}", "UserAttributes": {"MBR_FULLNM": ["김민준"]}},
    }  # fmt: skip


def measure(*, report: Report) -> None:
    message = content()
    program = compile_content(message)
    assert len(program.links) == 5
    builder = MimeBuilder(content=message, project_id="p" * 32, run_id="r" * 32, campaign_id="c" * 32, list_name="파발 상점")
    links = RunLinks(context=LinkContext(1, 2, 3), key=(1, b"k" * 32), base_url="https://t.example.com")
    now = datetime.datetime(2026, 11, 24, 1, 30, tzinfo=datetime.UTC)
    documents = [document(number) for number in range(MESSAGES)]

    def build(number: int) -> bytes:
        rendered = render(program, document=documents[number], links=links, endpoint_id=1_000_000 + number, now=now)
        return builder.build(
            rendered=rendered, recipient=documents[number]["Address"], message_id=f"{'r' * 32}.{number}", now=now
        )

    sample = render(program, document=documents[1], links=links, endpoint_id=1, now=now)
    page, text = ([whole[start : start + 100] for start in range(0, len(whole), 100)] for whole in (sample.html, sample.text))
    joined = _rate(lambda number: "".join(page).encode() + "".join(text).encode())
    print(f"{len(message.html.encode()):,} bytes of HTML, {len(build(1)):,} of the message")
    report.add(
        Figure(
            figure="rendering, with links, encoding and head", value=_rate(build), unit="messages/s", rows=MESSAGES, goal=20_000,
            floor=10_000, yardstick=joined, yardstick_name="str.join and encode alone",
        )
    )  # fmt: skip
    begun = time.process_time()
    for _turn in range(20):
        compile_content(message)
    report.add(Figure(figure="compiling that message", value=50 * (time.process_time() - begun), unit="ms", rows=20))


def _rate(build: Callable[[int], bytes]) -> float:
    """Calls a second of this process' own time."""
    best = 0.0
    for _turn in range(TURNS):
        begun = time.process_time()
        for number in range(MESSAGES):
            build(number)
        best = max(best, MESSAGES / (time.process_time() - begun))
    return best
