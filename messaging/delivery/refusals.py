"""What a refusal is about: by the server's words where they are plain, else by its enhanced code (RFC 3463), else by its reply code."""

from __future__ import annotations

import enum
import re

from django.utils.translation import gettext_lazy as _


class RefusalClass(enum.StrEnum):
    HARD = "HARD"  # there is no such mailbox: it never works
    SOFT = "SOFT"  # the mailbox is full or its server away: it may work another time
    POLICY = "POLICY"  # taken for spam, or the sending address is on a list: not the person's fault
    AUTH = "AUTH"  # SPF, DKIM, DMARC, PTR, a log-in, relaying: our own set-up
    CONTENT = "CONTENT"  # too large, a line too long, an attachment
    THROTTLED = "THROTTLED"  # too much at once
    OTHER = "OTHER"


LABELS = {
    RefusalClass.HARD: _("No such mailbox"),
    RefusalClass.SOFT: _("Mailbox full or away"),
    RefusalClass.POLICY: _("Taken for spam"),
    RefusalClass.AUTH: _("The sender's set-up"),
    RefusalClass.CONTENT: _("The message itself"),
    RefusalClass.THROTTLED: _("Too much at once"),
    RefusalClass.OTHER: _("Another reason"),
}
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")

# In this order: what is plainer goes first. Servers put all of these behind one code such as 5.7.1.
_WORDS: tuple[tuple[RefusalClass, re.Pattern[str]], ...] = tuple(
    (refusal, re.compile("|".join(words), re.IGNORECASE))
    for refusal, words in (
        (
            RefusalClass.THROTTLED,
            (
                r"too many (messages|e-?mails|connections|recipients|concurrent|sessions)",
                r"send(ing)? too many",
                r"rate.?limit",
                r"sending limit",
                r"unusual rate",
                r"temporarily deferred",
                r"throttl",
                r"server (is )?(too )?busy",
                r"slow down",
                r"too many mail",
                r"exceeded the (rate|maximum number)",
                r"receiving mail (at a rate|too quickly)",
                r"network is busy",
                r"maximum sending rate",
                r"message quota exceeded",
                r"try again later.*(volume|rate)",
                r"greylist|grey-list|graylist",
            ),
        ),
        (
            RefusalClass.AUTH,
            (
                r"\bDMARC\b",
                r"\bSPF\b",
                r"\bDKIM\b",
                r"unauthenticated",
                r"authenticat",
                r"relay(ing)? (access )?(denied|not permitted|operation)",
                r"unable to relay",
                r"reverse dns|rdns|PTR record|\bPTR\b",
                r"sender (address )?(verif|domain|rejected)",
                r"domain of sender",
                r"SendAsDenied|send as this sender",
                r"helo|ehlo (command )?rejected",
                r"not verified",
                r"MAIL FROM.*(domain|resolve)",
                r"access denied, sending domain",
            ),
        ),
        (
            RefusalClass.HARD,
            (
                r"user (is )?(unknown|not found|doesn'?t exist|does not exist)",
                r"unknown (user|recipient|address|local)",
                r"no such (user|mailbox|recipient|person)",
                r"(mailbox|account|address|recipient|user|email)[^.;]{0,60}(does not|doesn'?t) (exist|have)",
                r"(mailbox|account|address|recipient|user|email)[^.;]{0,60}(not found|no longer)",
                r"(account|mailbox|user|mbox|address)[^.;]{0,40}(disabled|inactive|suspended|discontinued|deactivated|terminated|closed)",
                r"(inactive|suspended|disabled|invalid|dormant) (user|mbox|mailbox|account|recipient|address)",
                r"RecipientNotFound",
                r"recipient address rejected: access denied",
                r"mailbox (is )?unavailable",
                r"(host|domain)( name)? not found",
                r"null mx|nullMX",
                r"this user doesn'?t have",
                r"bad destination",
                r"not a valid mailbox|not our customer",
            ),
        ),
        (
            RefusalClass.SOFT,
            (
                r"(mailbox|inbox|quota|storage)[^.;]{0,60}(full|exceeded|over|allocation|limit)",
                r"over ?quota|out of storage",
                r"insufficient (disk|storage|system)",
                r"mailbox (is )?(busy|locked|temporarily)",
            ),
        ),
        (
            RefusalClass.CONTENT,
            (
                r"(message|mail|size)[^.;]{0,40}(too (large|big|long)|exceeds)",
                r"line too long|lines? longer",
                r"attachment|virus|malware|suspicious (file|content|link)",
                r"header[^.;]{0,30}(missing|duplicate|invalid|too)",
                r"RFC ?5322",
                r"5\.6\.\d",
            ),
        ),
        (
            RefusalClass.POLICY,
            (
                r"spam",
                r"unsolicited",
                r"block(ed|list| list)",
                r"blacklist",
                r"\bRBL\b|\bDNSBL\b|spamhaus|S3140|S3150",
                r"reputation",
                r"is filtered",
                r"banned",
                r"policy|policies",
                r"access (was )?denied",
                r"rejected by (the )?recipient",
                r"suspicious",
            ),
        ),
    )
)

# Class and detail of RFC 3463, without its first digit; "1" alone stands for all of 1.x.
_OF_AUTH = ("1.7", "1.8", "4.4", *(f"7.{detail}" for detail in (5, 7, 8, 9, *range(20, 28), 30, 32, 40)))
_CODES: dict[str, RefusalClass] = dict.fromkeys(_OF_AUTH, RefusalClass.AUTH) | {
    "1": RefusalClass.HARD, "2.1": RefusalClass.HARD, "2": RefusalClass.SOFT, "2.3": RefusalClass.CONTENT, "3": RefusalClass.SOFT,
    "3.4": RefusalClass.CONTENT, "4": RefusalClass.SOFT, "4.5": RefusalClass.THROTTLED, "5.3": RefusalClass.THROTTLED,
    "6": RefusalClass.CONTENT, "7": RefusalClass.POLICY, "7.28": RefusalClass.THROTTLED,
}  # fmt: skip
_REPLIES = {
    "421": RefusalClass.THROTTLED, "450": RefusalClass.SOFT, "451": RefusalClass.SOFT, "452": RefusalClass.SOFT,
    "530": RefusalClass.AUTH, "534": RefusalClass.AUTH, "535": RefusalClass.AUTH, "538": RefusalClass.AUTH, "550": RefusalClass.HARD,
    "551": RefusalClass.HARD, "552": RefusalClass.CONTENT, "553": RefusalClass.HARD, "554": RefusalClass.POLICY,
}  # fmt: skip
_SPEAKS_PLAINLY = frozenset(
    {"1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "2.2", "3.4", "7.26", "7.25", "7.28", "7.23", "7.24", "7.27"}
)


def classify(*, code: str, reply: str) -> RefusalClass:
    """``code``: the reply code, or empty; ``reply``: the server's words, with or without an enhanced code."""
    text = reply.removeprefix(code).strip() if code else reply.strip()
    enhanced = _ENHANCED.search(text)
    detail = f"{int(enhanced[2])}.{int(enhanced[3])}" if enhanced else ""
    if detail in _SPEAKS_PLAINLY:
        return _by_code(detail)
    for refusal, words in _WORDS:
        if words.search(text):
            return refusal
    if detail and (detail in _CODES or detail.partition(".")[0] in _CODES):
        return _by_code(detail)
    return _REPLIES.get(code, RefusalClass.OTHER)


def _by_code(detail: str) -> RefusalClass:
    return _CODES.get(detail) or _CODES[detail.partition(".")[0]]
