"""Countries and languages by their codes: what they are called, and where they are on the map."""

from __future__ import annotations

import functools
import re

from babel import Locale
from babel.core import get_global
from django.utils.translation import get_language

# Countries that had other numbers before, or have none; the map's own names for what ISO 3166 does not list.
_NUMBERS = {"ET": "231", "DE": "276", "SD": "729", "YE": "887", "FR": "250", "XK": "Kosovo"}


def country_name(code: str) -> str:
    """In the language of the page; the code itself when it is none of ISO 3166 (alpha-2)."""
    return str(_locale().territories.get(code, code))


def country_number(code: str) -> str:
    """ISO 3166's number, by which the map knows the country; empty for what is no country."""
    return _numbers().get(code, "")


def language_of(locale: str) -> str:
    """The language of a setting like ``ko_KR``, ``en-US`` or ``zh-Hant-TW``: its code; empty for what is none."""
    code = re.split("[-_.@]", locale, maxsplit=1)[0].lower()
    return code if code in Locale("en").languages else ""


def language_name(code: str) -> str:
    return str(_locale().languages.get(code) or Locale("en").languages.get(code, code))


def _locale() -> Locale:
    return Locale("ko" if get_language() == "ko" else "en")


@functools.cache
def _numbers() -> dict[str, str]:
    aliases = get_global("territory_aliases")
    found = {codes[0]: number for number, codes in aliases.items() if number.isdigit() and len(codes) == 1}
    return found | _NUMBERS
