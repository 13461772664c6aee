"""Which program opened or clicked, and on what: told by the user agent, as one number that is kept with the event.

The numbers are stored: none ever changes its meaning.
"""

from __future__ import annotations

import functools
import re

from django.db import models
from django.utils.translation import gettext_lazy as _


class Device(models.IntegerChoices):
    UNKNOWN = 0, _("Unknown")
    DESKTOP = 1, _("Computer")
    PHONE = 2, _("Phone")
    TABLET = 3, _("Tablet")


class Program(models.IntegerChoices):
    OTHER = 0, _("Another")
    GMAIL = 1, "Gmail"
    NAVER = 2, _("Naver")
    DAUM = 3, "Daum"
    YAHOO = 4, "Yahoo"
    OUTLOOK = 5, "Outlook"
    APPLE_MAIL = 6, "Apple Mail"
    THUNDERBIRD = 7, "Thunderbird"
    ANDROID_APP = 9, _("An app on Android")
    CHROME = 10, "Chrome"
    SAFARI = 11, "Safari"
    EDGE = 12, "Edge"
    FIREFOX = 13, "Firefox"
    SAMSUNG_INTERNET = 14, "Samsung Internet"
    WHALE = 15, "Whale"
    OPERA = 16, "Opera"
    KAKAOTALK = 17, "KakaoTalk"
    INTERNET_EXPLORER = 18, "Internet Explorer"
    LINE = 19, "LINE"
    META = 20, "Facebook, Instagram"


_DEVICES = 10  # a client's number is ten programs' worth of devices
# The first that is found: those that call themselves after others stand before them.
_PROGRAMS = [
    (Program.GMAIL, re.compile(r"GoogleImageProxy|ggpht\.com")),
    (Program.NAVER, re.compile(r"naver.*proxy|NaverMailProxy|NAVER\(inapp", re.IGNORECASE)),
    (Program.DAUM, re.compile(r"DaumImageProxy|DaumApps|Daum/")),
    (Program.YAHOO, re.compile(r"YahooMailProxy|YahooCacheSystem|YahooMobile")),
    (Program.KAKAOTALK, re.compile(r"KAKAOTALK", re.IGNORECASE)),
    (Program.LINE, re.compile(r"\bLine/")),
    (Program.META, re.compile(r"FBAN|FBAV|Instagram")),
    (Program.OUTLOOK, re.compile(r"Outlook|ms-office|MSOffice", re.IGNORECASE)),
    (Program.THUNDERBIRD, re.compile(r"Thunderbird")),
    (Program.WHALE, re.compile(r"Whale/")),
    (Program.SAMSUNG_INTERNET, re.compile(r"SamsungBrowser/")),
    (Program.EDGE, re.compile(r"Edg(?:e|A|iOS)?/")),
    (Program.OPERA, re.compile(r"OPR/|Opera")),
    (Program.FIREFOX, re.compile(r"Firefox/|FxiOS/")),
    (Program.ANDROID_APP, re.compile(r"Android.*; wv\)")),
    (Program.CHROME, re.compile(r"Chrome/|CriOS/")),
    (Program.SAFARI, re.compile(r"Version/[\d.]+.*Safari/")),
    (Program.APPLE_MAIL, re.compile(r"^Mozilla/5\.0$|(?:iPhone|iPad|Macintosh).*AppleWebKit/(?!.*Safari/)")),  # or its proxy
    (Program.INTERNET_EXPLORER, re.compile(r"Trident/|MSIE ")),
]  # fmt: skip
# What fetches in somebody's place; the device that it names is not his.
PROXY = re.compile(
    r"GoogleImageProxy|YahooMailProxy|YahooCacheSystem|naver.*proxy|NaverMailProxy|DaumImageProxy|ggpht\.com|Outlook-Image-Proxy|"
    r"^Mozilla/5\.0$",  # Apple's privacy proxy says this and no more
    re.IGNORECASE,
)
_TABLET = re.compile(r"iPad|Android(?!.*Mobile)|Tablet")
_PHONE = re.compile(r"iPhone|iPod|Android.*Mobile|Windows Phone")
_DESKTOP = re.compile(r"Windows NT|Macintosh|X11|CrOS")


@functools.lru_cache(maxsize=4096)  # a campaign's readers have some hundred programs
def client_of(user_agent: str) -> int:
    """The number of a program and its device."""
    program = next((one for one, pattern in _PROGRAMS if pattern.search(user_agent)), Program.OTHER)
    return _DEVICES * program + (Device.UNKNOWN if PROXY.search(user_agent) else _device(user_agent))


def program_of(client: int) -> Program:
    return Program(client // _DEVICES)


def device_of(client: int) -> Device:
    return Device(client % _DEVICES)


def is_known(client: int) -> bool:
    """Whether anything is known of it."""
    return client != _DEVICES * Program.OTHER + Device.UNKNOWN


def _device(user_agent: str) -> int:
    for device, pattern in ((Device.TABLET, _TABLET), (Device.PHONE, _PHONE), (Device.DESKTOP, _DESKTOP)):
        if pattern.search(user_agent):
            return int(device)
    return int(Device.UNKNOWN)
