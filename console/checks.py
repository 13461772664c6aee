"""What a server must not be started with."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

_ACCOUNT = {
    "ACCOUNT_ID": (re.compile(r"\d{12}"), "twelve digits"),
    "ACCOUNT_REGION": (re.compile(r"[a-z0-9-]{1,32}"), "a region's name"),
}


def account_is_named(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """ARNs are made of these, and read again."""
    return [
        Error(f"{name} is {getattr(settings, name)!r}.", hint=f"It must be {form}, or empty.", id="pabal.E002")
        for name, (pattern, form) in _ACCOUNT.items()
        if getattr(settings, name) and not pattern.fullmatch(getattr(settings, name))
    ]


def secrets_are_set(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The developer's default keys are known to everybody."""
    if not settings.PUBLIC_URL.startswith("https://"):
        return []
    return [
        Error(
            f"{name} is not set.", hint=f"Set the environment variable {name} to a long random text and keep it.", id="pabal.E001"
        )
        for name in ("SECRET_KEY", "SECRETS_KEY")
        if getattr(settings, name) == settings.KNOWN_SECRET_KEY
    ]
