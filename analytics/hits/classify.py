"""Who made a hit: a person, a mail provider's proxy, a scanner, or nobody knows. By method and user agent only."""

from __future__ import annotations

import functools
import re

from analytics.hits.clients import PROXY, client_of, is_known
from analytics.models import HitClass

_SCANNER = re.compile(
    r"bot\b|crawl|spider|scan|preview|curl/|wget/|python-|Go-http-client|Java/|okhttp|libwww|urllib|headless|"
    r"Barracuda|Proofpoint|Mimecast|SafeLinks|Symantec|TrendMicro|ZoomInfo|facebookexternalhit|kakaotalk-scrap|Slack|Yeti",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=4096)  # a campaign's readers have some hundred programs
def hit_class(*, method: str, user_agent: str) -> HitClass:
    """HEAD and an empty or a machine's user agent are scanners; an image proxy stands for somebody's open. Of a program that is neither
    known nor runs on a known device nobody can tell.
    """
    if method != "GET" or not user_agent.strip():
        return HitClass.SCANNER
    if PROXY.search(user_agent):
        return HitClass.PROXY
    if _SCANNER.search(user_agent):
        return HitClass.SCANNER
    return HitClass.PERSON if is_known(client_of(user_agent)) else HitClass.UNKNOWN
