"""Who made a hit: a person, a mail provider's proxy, or a scanner. By method and user agent only."""

from __future__ import annotations

import functools
import re

from analytics.models import HitClass

_PROXY = re.compile(
    r"GoogleImageProxy|YahooMailProxy|YahooCacheSystem|naver.*proxy|NaverMailProxy|DaumImageProxy|ggpht\.com|Outlook-Image-Proxy|"
    r"^Mozilla/5\.0$",  # Apple's privacy proxy says this and no more
    re.IGNORECASE,
)
_SCANNER = re.compile(
    r"bot\b|crawl|spider|scan|preview|curl/|wget/|python-|Go-http-client|Java/|okhttp|libwww|urllib|headless|"
    r"Barracuda|Proofpoint|Mimecast|SafeLinks|Symantec|TrendMicro|ZoomInfo|facebookexternalhit|kakaotalk-scrap|Slack|Yeti",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=4096)  # a campaign's readers have some hundred programs
def hit_class(*, method: str, user_agent: str) -> HitClass:
    """HEAD and an empty or a machine's user agent are scanners; an image proxy stands for somebody's open."""
    if method != "GET" or not user_agent.strip():
        return HitClass.SCANNER
    if _PROXY.search(user_agent):
        return HitClass.PROXY
    if _SCANNER.search(user_agent):
        return HitClass.SCANNER
    return HitClass.PERSON
